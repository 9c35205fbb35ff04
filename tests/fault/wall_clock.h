#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/fault/preload.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

/// The wall clock of programs that are started between give() and take_back().
class WallClock {
 public:
  WallClock() { step(std::chrono::seconds{0}); }
  /// Programs started from now on have this clock, until take_back().
  void give() const {
    ::setenv("CLOCK_SHIM_FILE", (folder_ / "offset").c_str(), 1);
    preload(LOOKOUT_CLOCK_SHIM);
  }
  static void take_back() { preload_nothing(); }

  /// From the true time. As in a kernel, a clock that was set is not synchronised.
  void step(std::chrono::seconds offset) {
    write(1, 0);
    write(0, offset.count());
  }
  /// The kernel holds it to be right from here on, as who keeps the time tells it.
  void synchronise() { write(1, 1); }

 private:
  // The file keeps its place, because it is mapped.
  void write(std::size_t place, std::int64_t number) {
    std::ofstream file(folder_ / "offset", std::ios::binary | std::ios::app);
    std::filesystem::resize_file(folder_ / "offset", 2 * sizeof(number));
    std::fstream out(folder_ / "offset", std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(place * sizeof(number)));
    out.write(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  TempFolder folder_;
};

}  // namespace lookout::test
