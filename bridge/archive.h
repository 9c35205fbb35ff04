#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "bridge/aggregate_row.h"
#include "bridge/archive_failure.h"
#include "common/message.h"
#include "common/reading.h"
#include "common/series.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// The archive's writer: the one connection that writes and checkpoints (tables and promise: README.md beside
/// this).
///
/// Rows are added between begin() and commit(), and are there all or not at all. After a failure of any call
/// the batch is to be given up with abandon(), and everything since begin() added again. Threading: one
/// owner. Readers are processes or threads with connections of their own (archive_reader.h).
class Archive {
 public:
  /// Opens or creates the file. A reading whose identity holds no event time is held to be a repeat of one
  /// whose arrival lies at most `identity_window` away. Fails for a file of a newer schema or one that is no
  /// archive.
  static ArchiveResult<std::unique_ptr<Archive>> open(const std::filesystem::path& file,
                                                      Microseconds identity_window);
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
  ~Archive();

  /// One past the newest committed message: the archive is its own cursor into the journal.
  [[nodiscard]] std::uint64_t next_offset() const { return committed_; }

  ArchiveResult<void> begin();
  /// Offsets must rise.
  ArchiveResult<void> add_message(std::uint64_t offset, const MessageView& message);
  /// `offset` is that of the message added last. `part` counts its readings, below 65,536; `series` is that
  /// of the reading, numbered by one and the same SeriesTable for the life of this object. False: the reading
  /// is in the archive already.
  ArchiveResult<bool> add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                  const Reading& reading);
  /// False: this revision of the window is in the archive already. A complete one is kept beside an
  /// incomplete one of the same number: a gateway that lost its state counts anew.
  ArchiveResult<bool> add_aggregate(std::uint64_t offset, const AggregateRow& row);
  /// On success the batch survives a power cut.
  ArchiveResult<void> commit();
  /// Undoes everything since begin().
  void abandon();

 private:
  struct Statements;

  Archive(std::filesystem::path file, Microseconds identity_window);
  ArchiveResult<void> set_up();
  std::int64_t find_series(SeriesId id, const Series& series);
  bool is_repeat(std::uint64_t offset, std::int64_t series, const Reading& reading);
  bool is_named_repeat(std::uint64_t offset, std::int64_t series, const Identity& identity);

  const std::filesystem::path file_;
  const Microseconds identity_window_;
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<Statements> statements_;
  std::uint64_t committed_ = 0, added_ = 0;
  std::vector<std::int64_t> series_ids_;  // SeriesId -> row of series; 0 where not known yet
};

}  // namespace lookout
