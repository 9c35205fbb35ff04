#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "bridge/archive/archive_failure.h"
#include "bridge/days/day_figures.h"
#include "common/timestamp.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace lookout {

class ArrivalRanges;

/// Which readings the summary of a day is about.
struct DaySelection {
  Timestamp from, to;    ///< event times from <= time < to
  Microseconds lag{};    ///< what arrives later than that after its event time is late
  std::string topics{};  ///< an MQTT filter: series that came on such a topic; empty: all
};

/// The names of a series, in the order in which they are sorted.
struct SeriesNames {
  std::string network, region, sensor, metric;
  auto operator<=>(const SeriesNames&) const = default;
};

/// The readings of a day that one file of the archive holds: series by series in the order of their names,
/// each by event time, then offset and part. Of a file that is still written what is wanted is copied first,
/// into a temporary table and in one go, so that its -wal can be reset while the rest is read. Memory: some
/// 200 KiB, and an eighth of a byte for each message of a closed file. Threading: one owner.
class DayFile {
 public:
  static ArchiveResult<std::unique_ptr<DayFile>> open(const std::filesystem::path& file, bool closed,
                                                      const DaySelection& selection);
  DayFile(const DayFile&) = delete;
  DayFile& operator=(const DayFile&) = delete;
  ~DayFile();

  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  /// To the next series of the file, of which nothing may be wanted. False: that was the last.
  ArchiveResult<bool> next_series();
  [[nodiscard]] const SeriesNames& series() const { return names_; }
  /// To the next reading of the series. False: that was the last.
  ArchiveResult<bool> next();
  /// Valid until the next call.
  [[nodiscard]] const DayReading& reading() const { return reading_; }
  /// Breaks ties in event time.
  [[nodiscard]] std::int64_t id() const { return id_; }

 private:
  struct Words;
  DayFile(std::filesystem::path file, bool closed, const DaySelection& selection,
          std::unique_ptr<SQLite::Database> database);
  void set_up();
  void copy_open();
  void read_row();

  const std::filesystem::path file_;
  const bool closed_;
  const DaySelection selection_;
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<ArrivalRanges> arrivals_;  // of a closed file
  std::unique_ptr<SQLite::Statement> select_series_, select_readings_;
  std::unique_ptr<Words> boots_, units_;
  SeriesNames names_;
  DayReading reading_;
  std::int64_t id_ = 0;
};

}  // namespace lookout
