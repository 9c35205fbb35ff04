#pragma once

#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <filesystem>

#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A disk of a few MiB, as long as the object lives.
class SmallDisk {
 public:
  SmallDisk() {
    mounted_ = ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=48m") == 0;
    if (mounted_) spit(ballast(), std::string(std::size_t{40} << 20, 'b'));
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    // Whoever still has a file open there ends first; a lazy unmount does not depend on it.
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  void free_space() const { std::filesystem::remove(ballast()); }
  [[nodiscard]] std::uint64_t left() const {
    struct statvfs fs{};
    ::statvfs(folder_.path().c_str(), &fs);
    return std::uint64_t{fs.f_bavail} * fs.f_frsize;
  }

 private:
  [[nodiscard]] std::filesystem::path ballast() const { return folder_ / "ballast"; }
  TempFolder folder_;
  bool mounted_ = false;
};

}  // namespace lookout::test
