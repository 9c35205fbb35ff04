#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "bridge/rows.h"
#include "common/result.h"

namespace SQLite {
class Database;
}

namespace lookout {

enum class RowKind { readings, aggregates };
enum class TimeAxis {
  event,  ///< when the sensor measured; for aggregates the window's start
  arrival
};

/// Which rows: those with from <= time < to, on topics that the MQTT filter matches.
struct Selection {
  RowKind kind = RowKind::readings;
  TimeAxis axis = TimeAxis::event;
  std::optional<Timestamp> from{}, to{};
  std::string topics{};  ///< empty: all
  std::optional<std::int64_t> limit{};
};

/// The columns that rows of a kind have, in order.
std::span<const Column> columns_of(RowKind kind);

/// Reads an archive, also one that is being written. Never writes to it and never checkpoints it.
/// Threading: one owner.
class ArchiveReader {
 public:
  /// Fails when there is no archive, or one of a newer schema.
  static Result<std::unique_ptr<ArchiveReader>> open(const std::filesystem::path& file);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;
  ~ArchiveReader();

  /// False ends the reading early.
  using OnRow = std::function<bool(std::span<const Cell> row)>;
  /// Hands out the rows as they were when the reading began, ordered by time, then offset, then part of the
  /// message. Memory does not grow with their number: what has to be sorted beyond a few MiB goes to a
  /// temporary file.
  Result<void> read(const Selection& selection, const OnRow& on_row);

 private:
  explicit ArchiveReader(std::filesystem::path file);
  Result<void> connect(const char* mode);
  Result<void> set_up();

  const std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> database_;
  int schema_ = 0;
};

}  // namespace lookout
