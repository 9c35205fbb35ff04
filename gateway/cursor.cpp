#include "gateway/cursor.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "common/file.h"

namespace lookout {

Cursor load_cursor(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  Cursor cursor;
  std::istringstream in(read_file(file).value_or(""));
  if (in >> cursor.offset >> cursor.index) return cursor;
  spdlog::warn("'{}' cannot be read: everything in the journal is published again", file.string());
  return {};
}

Result<void> save_cursor(const std::filesystem::path& file, const Cursor& cursor) {
  return replace_file(file, fmt::format("{} {}\n", cursor.offset, cursor.index), false);
}

}  // namespace lookout
