#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "bridge/archive/aggregate_row.h"
#include "common/reading.h"

namespace lookout {

/// Whether one file of the archive holds a reading or an aggregate already. Included by the archive's own
/// .cpp files only; every call throws SQLite::Exception. Threading: one owner.
class Repeats {
 public:
  explicit Repeats(const SQLite::Database& database);

  /// `series` and `boot` are the reading's, as this file numbers them. A reading whose identity holds no
  /// event time is a repeat of one whose arrival lies at most `identity_window` from `arrival`.
  bool holds(std::int64_t series, std::int64_t boot, const Reading& reading, Timestamp arrival,
             Microseconds identity_window);
  /// This revision of this window. A complete one is no repeat of an incomplete one of the same number: a
  /// gateway that lost its state counts anew.
  bool holds(const AggregateRow& row);

 private:
  bool holds_timed(std::int64_t series, std::int64_t boot, const Reading& reading);
  bool holds_timeless(std::int64_t series, std::int64_t boot, const Reading& reading, Timestamp from,
                      Timestamp to);
  bool holds_named(std::int64_t series, const Identity& identity, Timestamp from, Timestamp to);

  SQLite::Statement timed_, timeless_, named_, aggregate_;
};

}  // namespace lookout
