#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bridge/archive/archive_reader.h"
#include "bridge/days/day_file.h"
#include "common/result.h"

namespace lookout {

/// What an archive holds of a day, and what it lacks.
struct DayContents {
  Missing missing;
  /// The archive's oldest messages, from the begin of the day on, are gone: retention took them.
  bool begin_is_gone = false;
  std::uint64_t end_offset = 0;  ///< all messages below were looked at, none of the others
};

/// Reads the readings of a day series by series, in the order of their names, whatever file they are in: one
/// state of each file, also while the archive is written. Damaged files are passed over. Memory grows with
/// the number of files that hold something of the day, not with the readings. Threading: one owner.
class DayReader {
 public:
  /// A new series begins; false ends the reading early. What is given to on_reading from then on is of it.
  using OnSeries = std::function<bool(const SeriesNames& series)>;
  using OnReading = std::function<void(const DayReading& reading)>;

  /// `archive` is the archive's folder, or one file of it.
  explicit DayReader(std::filesystem::path archive) : archive_(std::move(archive)) {}

  /// Fails when there is no archive, or one of a newer schema.
  Result<DayContents> read(const DaySelection& selection, const OnSeries& on_series,
                           const OnReading& on_reading);

 private:
  struct Source {
    std::unique_ptr<DayFile> file;
    bool has_series = false, has_reading = false;
  };
  enum class Added { yes, gone };

  Result<bool> open_all(const DaySelection& selection);
  Result<Added> add(const std::filesystem::path& path, bool closed, const DaySelection& selection);
  ArchiveResult<bool> look_into(const std::filesystem::path& path, bool closed,
                                const DaySelection& selection);
  void pass_over(const ArchiveFailure& failure, Source& source);
  void next_series(Source& source);
  void next_reading(Source& source);
  void read_series(const SeriesNames& series, const OnReading& on_reading);

  std::filesystem::path archive_;
  std::vector<Source> sources_;
  DayContents contents_;
};

}  // namespace lookout
