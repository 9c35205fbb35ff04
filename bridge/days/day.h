#pragma once

#include <chrono>
#include <string>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// A day of the calendar in some time zone: from <= time < to, from one midnight there to the next. Of 23 or
/// 25 hours where the zone's clocks are changed on it.
struct Day {
  std::string date;  ///< 2026-11-22
  std::string zone;  ///< as in the tz database
  Timestamp from, to;
};

/// `zone` is a name of the machine's tz database; `date` is 2026-11-22, today or yesterday, there. Fails with
/// a sentence for what is no day, a zone that is unknown, a day that has not begun at `now`, and one that the
/// zone has skipped.
Result<Day> find_day(const std::string& date, const std::string& zone, Timestamp now);

Day utc_day(std::chrono::sys_days day);

}  // namespace lookout
