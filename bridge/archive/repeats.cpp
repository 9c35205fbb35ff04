#include "bridge/archive/repeats.h"

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/sql_values.h"

namespace lookout {

Repeats::Repeats(const SQLite::Database& database)
    : timed_(
          database,
          // With = the planner would put the number into the expression of the index, and not find it.
          "SELECT 1 FROM readings WHERE event_us / 600000000 = ?1 / 600000000 AND event_us BETWEEN ?1 AND ?1 "
          "AND series = ?2 AND seq = ?3 AND boot = ?4 AND value = ?5 "
          "AND time_is_arrival = 0 AND identity IS NULL"),
      timeless_(
          database,
          "SELECT 1 FROM readings INDEXED BY readings_without_time WHERE time_is_arrival = 1 AND boot <> 0 "
          "AND series = ? AND boot = ? AND seq = ? AND value = ? AND event_us BETWEEN ? AND ? "
          "AND identity IS NULL"),
      named_(
          database,
          "SELECT 1 FROM readings r INDEXED BY readings_by_name CROSS JOIN messages m ON m.offset = r.offset "
          "WHERE r.series = ? AND r.identity = ? AND m.arrival_us BETWEEN ? AND ?"),
      aggregate_(
          database,
          "SELECT 1 FROM aggregates WHERE start_us = ? AND id = ? AND revision = ? AND incomplete = ?") {}

bool Repeats::holds(std::int64_t series, std::int64_t boot, const Reading& reading, Timestamp arrival,
                    Microseconds identity_window) {
  const Timestamp from = arrival - identity_window, to = arrival + identity_window;
  if (!reading.identity) return false;
  if (reading.identity_is_by_name) return holds_named(series, *reading.identity, from, to);
  return reading.identity_has_time ? holds_timed(series, boot, reading)
                                   : holds_timeless(series, boot, reading, from, to);
}

bool Repeats::holds_timed(std::int64_t series, std::int64_t boot, const Reading& reading) {
  StatementUse select(timed_);
  select->bind(1, sql::value_of(reading.event_time));
  select->bind(2, series);
  select->bind(3, sql::seq_of(reading));
  select->bind(4, boot);
  select->bind(5, reading.value);
  return select->executeStep();
}

bool Repeats::holds_timeless(std::int64_t series, std::int64_t boot, const Reading& reading, Timestamp from,
                             Timestamp to) {
  StatementUse select(timeless_);
  select->bind(1, series);
  select->bind(2, boot);
  select->bind(3, sql::seq_of(reading));
  select->bind(4, reading.value);
  select->bind(5, sql::value_of(from));
  select->bind(6, sql::value_of(to));
  return select->executeStep();
}

bool Repeats::holds_named(std::int64_t series, const Identity& identity, Timestamp from, Timestamp to) {
  const auto bytes = bytes_of(identity);
  StatementUse select(named_);
  select->bind(1, series);
  select->bindNoCopy(2, bytes.data(), static_cast<int>(bytes.size()));
  select->bind(3, sql::value_of(from));
  select->bind(4, sql::value_of(to));
  return select->executeStep();
}

bool Repeats::holds(const AggregateRow& row) {
  StatementUse select(aggregate_);
  select->bind(1, sql::value_of(row.start));
  select->bindNoCopy(2, row.id);
  select->bind(3, row.revision);
  select->bind(4, row.incomplete ? 1 : 0);
  return select->executeStep();
}

}  // namespace lookout
