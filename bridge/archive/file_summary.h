#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bridge/archive/coverage.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// What a file of the archive holds, in short.
struct FileSummary {
  std::uint64_t epoch = 0;
  std::uint64_t first_offset = 0, end_offset = 0;  ///< first <= offset < end
  std::optional<Coverage::Stretch> arrivals{};     ///< nothing where there are no messages
  Coverage event_times{};                          ///< of its readings
  Coverage windows{};                              ///< starts of its aggregates' windows

  void add_arrival(Timestamp arrival);
  [[nodiscard]] bool arrived(Timestamp from, Timestamp to) const {
    return arrivals && arrivals->from <= to && arrivals->to >= from;
  }
};

/// The epoch of a new archive.
std::uint64_t draw_epoch();

/// Reads what a closed file says of itself, or looks through one that is open. Throws SQLite::Exception.
FileSummary summarize(SQLite::Database& database);
/// What a closed file says of itself; nothing of an open one. Throws SQLite::Exception.
std::optional<FileSummary> read_summary(SQLite::Database& database);
/// Writes it down as that of a file that is being closed. Throws SQLite::Exception.
void write_summary(SQLite::Database& database, const FileSummary& summary);

/// Offsets that are missing.
struct Gap {
  std::uint64_t first_offset = 0, end_offset = 0;
  std::string why{};                         ///< evicted, corrupt, journal
  std::optional<Coverage::Stretch> times{};  ///< arrivals between which they came
  Timestamp noted{};
  [[nodiscard]] bool is_eviction() const { return why == "evicted"; }
};
/// The gaps noted in a file. Throws SQLite::Exception.
std::vector<Gap> read_gaps(SQLite::Database& database);

}  // namespace lookout
