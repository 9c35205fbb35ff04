#pragma once

#include <filesystem>
#include <string>

#include "common/result.h"

namespace lookout {

/// Tells a program that the machine went down under it: by power cut, panic or reset. A file in its folder
/// holds, as long as it runs, the kernel's id of the present boot; one of another boot was never removed.
/// kill -9 leaves one of the same boot, and takes nothing that the journal had.
class RunningMark {
 public:
  /// `boot`: the kernel's id, empty where it tells none.
  explicit RunningMark(const std::filesystem::path& folder, std::string boot = kernel_boot());

  /// Whether the machine went down while the program before this one ran.
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  /// From now on it would be noticed. Where the disk has no room for another file, the one of the program
  /// before is written over; without one it fails, and may be tried again.
  [[nodiscard]] Result<void> set();
  [[nodiscard]] bool is_set() const { return is_set_; }
  /// An orderly end: everything is synced.
  void clear() const;

 private:
  static std::string kernel_boot();

  std::filesystem::path file_;
  std::string boot_;
  bool was_cut_ = false, is_set_ = false;
};

}  // namespace lookout
