#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>

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
Cursor load_cursor(const std::filesystem::path& path);
/// In place of the older of the last two: needs no room on the disk but for the first time. Cursors only
/// rise.
Result<void> save_cursor(const std::filesystem::path& path, const Cursor& cursor);

}  // namespace lookout
