#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "simulator/column_pattern.h"
#include "simulator/csv_table.h"
#include "simulator/sample.h"

namespace lookout {

enum class CsvTimeFormat { seconds, milliseconds, rfc3339 };

struct RecordingOptions {
  std::string file;
  std::string time_column;  ///< empty: the first
  CsvTimeFormat time_format = CsvTimeFormat::seconds;
  std::vector<std::string> columns;      ///< globs, fnmatch(3); empty: all
  std::optional<ColumnPattern> pattern;  ///< nothing: the whole name is the sensor's
  std::string network = "wildfire", region = "default", metric = "value";
};

/// A table becomes samples, one per cell, row by row in the order of the file. The time column is never a
/// reading. Memory does not grow with the file. Threading: one owner.
class Recording {
 public:
  /// Reads the file once to learn its span. Fails with a sentence when it or a column is not there.
  static Result<std::unique_ptr<Recording>> open(RecordingOptions options);

  struct Span {
    Microseconds first{}, latest{};  ///< of the time column; RFC 3339 counts from 1970
    std::uint64_t rows = 0;          ///< with a readable time
  };
  [[nodiscard]] const Span& span() const { return span_; }
  [[nodiscard]] const Catalogue& catalogue() const { return catalogue_; }
  [[nodiscard]] std::size_t columns() const { return columns_.size(); }

  /// The event time at which the time column is 0; set before next().
  void set_time_zero(Timestamp zero) { zero_ = zero; }

  /// The next cell that holds a number; its seq is the number of its row, from 1 after the header. Others are
  /// skipped: empty ones silently, the rest counted, the first few of them logged.
  bool next(Sample& sample);
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  /// The file could not be read to its end.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  struct Column {
    std::size_t index;  ///< in the row
    std::uint32_t sensor, metric;
  };
  explicit Recording(RecordingOptions options) : options_(std::move(options)) {}
  Result<void> read_header(const CsvTable::Row& header);
  Result<void> select(const CsvTable::Row& header);
  Result<void> add_column(const CsvTable::Row& header, std::size_t index);
  Result<void> survey(CsvTable& table);
  Result<void> rewind();
  Result<bool> next_row();
  [[nodiscard]] Result<Microseconds> row_time() const;
  [[nodiscard]] const std::string& cell(std::size_t index) const;
  void skip(std::size_t index, const std::string& why);

  const RecordingOptions options_;
  Catalogue catalogue_;
  std::vector<std::string> header_;
  std::size_t time_index_ = 0;
  std::vector<Column> columns_;
  Span span_;
  Timestamp zero_{};

  std::unique_ptr<CsvTable> table_;
  CsvTable::Row row_;
  std::uint64_t row_number_ = 0, skipped_ = 0;
  Timestamp row_event_time_{};
  std::size_t next_column_ = 0;
  bool failed_ = false;
};

}  // namespace lookout
