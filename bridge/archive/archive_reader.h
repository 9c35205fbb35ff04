#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/file_rows.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/selection.h"

namespace lookout {

/// What an answer does not hold.
struct Missing {
  std::vector<std::string> damaged;  ///< a sentence for each file that could not be read, or not to its end
  std::vector<Gap> gaps;             ///< what was missing before, of the time that was asked for
};

/// The files of an archive and whether they are closed; `archive` may be one of them. Fails when there is no
/// archive.
Result<std::vector<std::pair<std::filesystem::path, bool>>> files_of(const std::filesystem::path& archive);

/// Reads an archive, also one that is being written. Never writes to it and never checkpoints it.
/// Threading: one owner.
class ArchiveReader {
 public:
  /// False ends the reading early.
  using OnRow = std::function<bool(std::span<const Cell> row)>;

  /// `archive` is the archive's folder, or one file of it.
  explicit ArchiveReader(std::filesystem::path archive) : archive_(std::move(archive)) {}

  /// Hands out the rows as they were when the reading began, ordered by time, then offset, then part of the
  /// message; messages by offset alone. Files that are damaged are passed over. Memory does not grow with
  /// the number of rows. Fails when there is no archive, or one of a newer schema. A file that retention
  /// takes meanwhile is no longer there, and nothing is said of it.
  Result<Missing> read(const Selection& selection, const OnRow& on_row);

 private:
  std::filesystem::path archive_;
};

}  // namespace lookout
