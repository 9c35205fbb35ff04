#pragma once

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A disk with a few MiB of room, as long as the object lives. Root may mount one: where that fails the test
/// does too. Anybody else has to go without, and says so.
class SmallDisk {
 public:
  SmallDisk() {
    const std::string size = "size=" + std::to_string(kBallastMib + 8) + "m";
    mounted_ = ::mount("none", folder_.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_ && ::geteuid() == 0)
      throw std::system_error(errno, std::generic_category(), "root cannot mount a tmpfs");
    if (mounted_) spit(ballast(), std::string(kBallastMib << 20, 'b'));
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    // Whoever still has a file open there ends first; a lazy unmount does not depend on it.
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  /// Takes what is left to the last page, until free_space().
  void fill_up() const {
    std::ofstream file(ballast(), std::ios::binary | std::ios::app);
    const std::string page(4096, 'b');
    while (file.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) continue;
  }
  void free_space() const { std::filesystem::remove(ballast()); }
  /// Takes all the room that is left, and gives it back: the disk is as large as what is on it meanwhile.
  void fill() const { resize(0); }
  void give_room(std::size_t room_mib) const { resize(room_mib << 20); }
  [[nodiscard]] std::uint64_t left() const {
    struct statvfs fs{};
    ::statvfs(folder_.path().c_str(), &fs);
    return std::uint64_t{fs.f_bavail} * fs.f_frsize;
  }

 private:
  static constexpr std::size_t kBallastMib = 40;

  // Somebody may be writing: what is used is asked for again until it fits.
  void resize(std::uint64_t room) const {
    struct statvfs fs{};
    int refused = 0;
    for (int tries = 0; tries < 100; ++tries) {
      ::statvfs(folder_.path().c_str(), &fs);
      const std::string size =
          "size=" + std::to_string(std::uint64_t{fs.f_blocks - fs.f_bfree} * fs.f_frsize + room);
      refused = ::mount(nullptr, folder_.path().c_str(), nullptr, MS_REMOUNT, size.c_str());
      if (refused == 0) return;
    }
    throw std::system_error(errno, std::generic_category(), "cannot resize a tmpfs");
  }
  [[nodiscard]] std::filesystem::path ballast() const { return folder_ / "ballast"; }
  TempFolder folder_;
  bool mounted_ = false;
};

/// Says so where the test is to be left out.
inline bool is_there(const SmallDisk& disk) {
  if (!disk.mounted()) WARN("skipped: no disk can be mounted here");
  return disk.mounted();
}

}  // namespace lookout::test
