#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A disk of ext4 on an image, which the kernel makes read-only when told of an error, as it does with a worn
/// card. Only root may have one, and not everywhere: usable() says whether.
class FailingDisk {
 public:
  FailingDisk() {
    std::filesystem::create_directory(mounted_at());
    std::ofstream(image()).close();
    std::filesystem::resize_file(image(), kBytes);
    usable_ = run({"mkfs.ext4", "-q", image()}).code == 0 && mount();
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  ~FailingDisk() {
    // Whoever still has a file open there ends first.
    ::umount2(mounted_at().c_str(), MNT_DETACH);
  }

  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] std::filesystem::path path() const { return mounted_at(); }
  /// From now on it is read-only.
  void fail() const {
    std::ofstream trigger(trigger_);
    trigger << 1 << std::flush;
  }
  /// As its owner does when all programs have ended: taken off, checked, put on again. What was not synced is
  /// gone.
  void mend() {
    const bool off = ::umount(mounted_at().c_str()) == 0;
    // 1: errors were corrected.
    if (!off || run({"e2fsck", "-fy", image()}).code > 1 || !mount())
      throw std::runtime_error("the disk cannot be mended");
  }

 private:
  static constexpr std::uintmax_t kBytes = 200 << 20;

  bool mount() {
    if (run({"mount", "-o", "loop,errors=remount-ro", image(), mounted_at()}).code != 0) return false;
    std::string device = run({"findmnt", "-no", "SOURCE", mounted_at()}).out;
    device.erase(device.find_last_not_of('\n') + 1);
    trigger_ = "/sys/fs/ext4" / std::filesystem::path(device).filename() / "trigger_fs_error";
    return std::filesystem::exists(trigger_);
  }
  [[nodiscard]] std::string image() const { return folder_ / "image"; }
  [[nodiscard]] std::filesystem::path mounted_at() const { return folder_ / "disk"; }

  TempFolder folder_;
  std::filesystem::path trigger_;
  bool usable_ = false;
};

}  // namespace lookout::test
