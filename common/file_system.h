#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace lookout {

/// An open file of a FileSystem, closed with its owner. Threading: calls may overlap, but of write, reserve
/// and cut one comes after another. An error is the system's reason alone: who calls knows what it was for.
class File {
 public:
  virtual ~File() = default;
  /// Fills `to` from `position` on; gives how many bytes: fewer only where the file ends.
  virtual Result<std::size_t> read(std::uint64_t position, std::span<char> to) = 0;
  virtual Result<std::uint64_t> size() = 0;
  /// Writes up to four parts, one behind the other. After a failure any of it may be there. Allocates nothing
  /// where it succeeds. Within what was reserved it is a copy in memory (mapped_window.h).
  virtual Result<void> write(std::uint64_t position, std::span<const std::string_view> parts) = 0;
  /// Takes the disk space of the first `size` bytes; what the file did not have of them are zeros.
  virtual Result<void> reserve(std::uint64_t size) = 0;
  virtual Result<void> cut(std::uint64_t size) = 0;
  /// What was written, and how long the file is, survives a power cut from here on.
  virtual Result<void> sync() = 0;
};

/// What is kept on a disk: the few operations behind journal and small files, so that tests can end them at
/// any one of them. An error is a sentence with the path in it. Threading: any.
class FileSystem {
 public:
  enum class Open { to_read, to_change, anew };  ///< anew: made where it is missing, emptied where it is not
  struct Entry {
    std::string name;
    std::uint64_t size = 0;
  };

  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, Open how) = 0;
  /// The plain files in a folder, in no order.
  virtual Result<std::vector<Entry>> list(const std::filesystem::path& folder) = 0;
  /// Makes a folder and those above it; it may be there.
  virtual Result<void> make_folder(const std::filesystem::path& path) = 0;
  /// In place of what may be at `to`.
  virtual Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  /// It may be missing.
  virtual Result<void> remove(const std::filesystem::path& path) = 0;
  /// The names in a folder survive a power cut from here on.
  virtual Result<void> sync_folder(const std::filesystem::path& folder) = 0;
};

/// The system's own.
FileSystem& system_files();

}  // namespace lookout
