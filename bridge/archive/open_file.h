#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bridge/archive/aggregate_row.h"
#include "bridge/archive/archive_failure.h"
#include "bridge/archive/file_summary.h"
#include "common/message.h"
#include "common/reading.h"
#include "common/series.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// The file of the archive that is written: the one connection that writes and checkpoints it.
///
/// Rows are added between begin() and commit(), and are there all or not at all; after a failure of any call
/// the batch is to be given up with abandon(). The contracts of the calls are those of Archive. Threading:
/// one owner.
class OpenFile {
 public:
  /// Makes a new file; what is left of one that was not finished goes.
  static ArchiveResult<std::unique_ptr<OpenFile>> create(const std::filesystem::path& file,
                                                         std::uint64_t epoch, std::uint64_t first_offset);
  /// Opens one that is there, and looks through all of it for damage, which is a failure.
  static ArchiveResult<std::unique_ptr<OpenFile>> open(const std::filesystem::path& file);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  /// Of what is committed; the coverage may be wider.
  [[nodiscard]] const FileSummary& summary() const { return summary_; }
  /// Without what only the -wal holds.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Of the -wal. It grows while a reader stays, and never becomes smaller before the reader is done.
  [[nodiscard]] std::uint64_t log_bytes() const { return log_bytes_; }

  ArchiveResult<void> begin();
  ArchiveResult<void> add_message(std::uint64_t offset, const MessageView& message);
  ArchiveResult<bool> holds(const Series& series, const Reading& reading, Timestamp arrival,
                            Microseconds identity_window);
  /// To be called after holds() of the same reading said no.
  ArchiveResult<void> add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                  const Reading& reading);
  ArchiveResult<bool> holds(const AggregateRow& row);
  ArchiveResult<void> add_aggregate(std::uint64_t offset, const AggregateRow& row);
  ArchiveResult<void> add_gap(const Gap& gap);
  ArchiveResult<void> commit();
  void abandon();

 private:
  struct Statements;
  enum class How { create, open };

  explicit OpenFile(std::filesystem::path file);
  static ArchiveResult<std::unique_ptr<OpenFile>> connect(const std::filesystem::path& file, How how,
                                                          std::uint64_t epoch, std::uint64_t first_offset);
  ArchiveResult<void> set_up(How how, std::uint64_t epoch, std::uint64_t first_offset);
  std::int64_t find_series(SeriesId id, const Series& series);
  std::int64_t find_word(const std::string& word);
  std::int64_t find_topic();
  void note_topic(std::int64_t series);
  void measure();
  void forget_names();

  const std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<Statements> statements_;
  FileSummary summary_;
  std::uint64_t bytes_ = 0, log_bytes_ = 0, added_end_ = 0;
  std::int64_t topic_ = 0;                // of the message added last
  std::vector<std::int64_t> series_ids_;  // SeriesId -> row of series; 0 where not known yet
  std::unordered_map<std::string, std::int64_t> words_, topics_;
  std::unordered_set<std::uint64_t> series_topics_;  // what series_topics holds, as far as it is known
};

}  // namespace lookout
