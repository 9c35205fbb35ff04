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

  /// From the true time; the file keeps its place, because it is mapped.
  void step(std::chrono::seconds offset) {
    const std::int64_t seconds = offset.count();
    std::ofstream file(folder_ / "offset", std::ios::binary | std::ios::app);
    std::filesystem::resize_file(folder_ / "offset", sizeof(seconds));
    std::fstream(folder_ / "offset", std::ios::binary | std::ios::in | std::ios::out)
        .write(reinterpret_cast<const char*>(&seconds), sizeof(seconds));
  }

 private:
  TempFolder folder_;
};

}  // namespace lookout::test
