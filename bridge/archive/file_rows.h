#pragma once

#include <compare>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/selection.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace lookout {

/// Where a row stands among all rows of an answer: by time, then offset, then part of the message; messages
/// by offset alone.
struct RowPlace {
  std::int64_t time = 0, id = 0;
  auto operator<=>(const RowPlace&) const = default;
};

/// The rows of an answer that one file of the archive gives, in order. Memory does not grow with their
/// number: what has to be sorted beyond a few MiB goes to a temporary file. Threading: one owner.
class FileRows {
 public:
  /// `file` is `closed` where it is never written again. What is committed now is what will be read.
  static ArchiveResult<std::unique_ptr<FileRows>> open(const std::filesystem::path& file, bool closed,
                                                       const Selection& selection);
  FileRows(const FileRows&) = delete;
  FileRows& operator=(const FileRows&) = delete;
  ~FileRows();

  /// False: there are no more.
  ArchiveResult<bool> next();
  /// Of the row that next() found; texts are valid until its next call.
  [[nodiscard]] const RowPlace& place() const { return place_; }
  [[nodiscard]] std::span<const Cell> row() const { return row_; }

 private:
  FileRows(std::filesystem::path file, std::unique_ptr<SQLite::Database> database, RowKind kind);
  void set_up(const Selection& selection, bool closed);
  void encode_payload();

  const std::filesystem::path file_;
  const RowKind kind_;
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<SQLite::Statement> statement_;
  RowPlace place_;
  std::vector<Cell> row_;
  std::string encoded_;  // of a payload that is no text
};

}  // namespace lookout
