#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/file_system.h"
#include "common/result.h"

namespace lookout {

/// An open file descriptor, closed with its owner.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
  FileHandle(FileHandle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle();
  [[nodiscard]] int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// `flags` as for open(2), O_CLOEXEC added; new files get mode 0640.
Result<FileHandle> open_file(const std::filesystem::path& path, int flags);

/// "what 'path': the system's reason", from errno.
std::string describe_errno(std::string_view what, const std::filesystem::path& path);

/// Replaces a small file so that a reader sees the old or the new content, also after a power cut when
/// `durable`.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, bool durable,
                          FileSystem& files = system_files());

/// The same; where the disk has no room for another file, the old one is written over where it is, which a
/// crash may leave half done. For what may be lost rather than out of date.
Result<void> replace_or_write_over(const std::filesystem::path& path, std::string_view content, bool durable,
                                   FileSystem& files = system_files());

/// The content of a small file.
Result<std::string> read_file(const std::filesystem::path& path, FileSystem& files = system_files());

}  // namespace lookout
