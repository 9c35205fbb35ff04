#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "common/file_system.h"
#include "common/result.h"

namespace lookout {

/// How far the broker has confirmed what the gateway put out: every output before (offset, index) is
/// confirmed, where index counts the messages that follow from the record at offset. Kept in a small file of
/// its own.
struct Cursor {
  std::uint64_t offset = 0, index = 0;
  auto operator<=>(const Cursor&) const = default;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(offset, index);
  }
};

/// A missing or unreadable file gives the beginning: everything in the journal is put out again, the same
/// bytes.
Cursor load_cursor(const std::filesystem::path& path, FileSystem& files = system_files());

/// The file, for who writes it. A kill finds the last cursor that was saved, a power cut at least the last
/// one that was synced. Written in place, so that it needs no room on the disk but for the first time.
/// Threading: save() and sync() may overlap, of each one call comes after another.
class CursorFile {
 public:
  explicit CursorFile(std::filesystem::path path, FileSystem& files = system_files())
      : path_(std::move(path)), files_(files) {}

  /// Cursors only rise. Does not wait for the disk but for the first time.
  Result<void> save(const Cursor& cursor);
  /// What was saved before survives a power cut from here on.
  Result<void> sync();

 private:
  Result<void> open();

  const std::filesystem::path path_;
  FileSystem& files_;
  std::mutex mutex_;  // guards what follows; not held while the disk is waited for
  std::unique_ptr<File> file_;
  // Places in the file. Of three there is always one to write to that is neither the last one synced nor
  // being synced.
  std::size_t newest_ = 0, synced_ = 0;
  std::optional<std::size_t> syncing_;
};

}  // namespace lookout
