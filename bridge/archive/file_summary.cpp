#include "bridge/archive/file_summary.h"

#include <algorithm>
#include <random>

#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

constexpr const char* kEventTimes = "event_time";
constexpr const char* kWindows = "window";

using sql::offset_of;
using sql::time_of;
using sql::value_of;

void read_coverage(SQLite::Database& database, FileSummary& summary) {
  SQLite::Statement stretches(database, "SELECT what, from_us, to_us FROM coverage");
  while (stretches.executeStep()) {
    Coverage& coverage =
        stretches.getColumn(0).getString() == kWindows ? summary.windows : summary.event_times;
    coverage.add({time_of(stretches.getColumn(1)), time_of(stretches.getColumn(2))});
  }
}

void write_coverage(SQLite::Database& database, const char* what, const Coverage& coverage) {
  SQLite::Statement insert(database, "INSERT INTO coverage VALUES(?, ?, ?)");
  for (const auto& [from, to] : coverage.stretches()) {
    insert.bind(1, what);
    insert.bind(2, value_of(from));
    insert.bind(3, value_of(to));
    insert.exec();
    insert.reset();
  }
}

void cover(SQLite::Database& database, const char* sql, Coverage& coverage) {
  SQLite::Statement times(database, sql);
  while (times.executeStep()) coverage.add(time_of(times.getColumn(0)));
}

}  // namespace

std::uint64_t draw_epoch() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

void FileSummary::add_arrival(Timestamp arrival) {
  if (!arrivals) arrivals = Coverage::Stretch{arrival, arrival};
  arrivals->from = std::min(arrivals->from, arrival);
  arrivals->to = std::max(arrivals->to, arrival);
}

std::optional<FileSummary> read_summary(SQLite::Database& database) {
  SQLite::Statement file(
      database, "SELECT epoch, first_offset, end_offset, first_arrival_us, last_arrival_us FROM file");
  if (!file.executeStep() || file.getColumn(2).isNull()) return std::nullopt;
  FileSummary summary{.epoch = offset_of(file.getColumn(0)),
                      .first_offset = offset_of(file.getColumn(1)),
                      .end_offset = offset_of(file.getColumn(2)),
                      .arrivals = {},
                      .event_times = {},
                      .windows = {}};
  if (!file.getColumn(3).isNull())
    summary.arrivals = Coverage::Stretch{time_of(file.getColumn(3)), time_of(file.getColumn(4))};
  read_coverage(database, summary);
  return summary;
}

FileSummary summarize(SQLite::Database& database) {
  if (auto written = read_summary(database)) return *written;
  FileSummary summary;
  SQLite::Statement file(database,
                         "SELECT epoch, first_offset, coalesce((SELECT max(offset) + 1 FROM messages), "
                         "first_offset) FROM file");
  if (!file.executeStep()) return summary;
  summary.epoch = offset_of(file.getColumn(0));
  summary.first_offset = offset_of(file.getColumn(1));
  summary.end_offset = offset_of(file.getColumn(2));
  SQLite::Statement arrivals(database, "SELECT min(arrival_us), max(arrival_us) FROM messages");
  if (arrivals.executeStep() && !arrivals.getColumn(0).isNull())
    summary.arrivals = Coverage::Stretch{time_of(arrivals.getColumn(0)), time_of(arrivals.getColumn(1))};
  cover(database, "SELECT event_us FROM readings", summary.event_times);
  cover(database, "SELECT DISTINCT start_us FROM aggregates", summary.windows);
  return summary;
}

void write_summary(SQLite::Database& database, const FileSummary& summary) {
  SQLite::Statement update(database,
                           "UPDATE file SET end_offset = ?, first_arrival_us = ?, last_arrival_us = ?");
  update.bind(1, value_of(summary.end_offset));
  if (summary.arrivals) {
    update.bind(2, value_of(summary.arrivals->from));
    update.bind(3, value_of(summary.arrivals->to));
  }
  update.exec();
  write_coverage(database, kEventTimes, summary.event_times);
  write_coverage(database, kWindows, summary.windows);
}

std::vector<Gap> read_gaps(SQLite::Database& database) {
  SQLite::Statement rows(
      database,
      "SELECT first_offset, end_offset, why, from_us, to_us, noted_us FROM gaps ORDER BY first_offset");
  std::vector<Gap> gaps;
  while (rows.executeStep()) {
    Gap& gap = gaps.emplace_back();
    gap.first_offset = offset_of(rows.getColumn(0));
    gap.end_offset = offset_of(rows.getColumn(1));
    gap.why = rows.getColumn(2).getString();
    if (!rows.getColumn(3).isNull())
      gap.times = Coverage::Stretch{time_of(rows.getColumn(3)), time_of(rows.getColumn(4))};
    gap.noted = time_of(rows.getColumn(5));
  }
  return gaps;
}

}  // namespace lookout
