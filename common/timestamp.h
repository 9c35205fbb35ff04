#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/result.h"

namespace lookout {

/// A point of wall-clock or event time: integer microseconds UTC since 1970-01-01T00:00:00Z.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Microseconds = std::chrono::microseconds;

/// The wall clock. Only the edges of a program call this; the steps of the pipeline are given their time.
Timestamp wall_clock_now();

/// Years a Timestamp may lie in, so that every time can be written as RFC 3339.
inline constexpr Timestamp kEarliestTime = std::chrono::sys_days{std::chrono::year{1900} / 1 / 1};
inline constexpr Timestamp kLatestTime = std::chrono::sys_days{std::chrono::year{9999} / 1 / 1};

/// RFC 3339 with `Z`; no fraction when whole seconds, else exactly 6 digits.
std::string to_rfc3339(Timestamp time);

/// RFC 3339 with `Z` or a numeric offset and at most 9 digits of fraction (cut to microseconds).
Result<Timestamp> parse_rfc3339(std::string_view text);

/// Epoch seconds as a JSON number gives them. Fails outside kEarliestTime..kLatestTime.
Result<Timestamp> from_epoch_seconds(double seconds);

/// Epoch time as a JSON number gives it, in whole seconds, milliseconds or microseconds: `unit`. Exact. Fails
/// outside kEarliestTime..kLatestTime.
Result<Timestamp> from_epoch(std::int64_t count, Microseconds unit);
/// The same with a fraction, rounded to the microsecond.
Result<Timestamp> from_epoch(double count, Microseconds unit);

/// A time as people type it: RFC 3339, `2026-11-22`, `11:20` or `11:20:30` (today, UTC), `-2h` (before now),
/// `now`.
Result<Timestamp> parse_time_argument(std::string_view text, Timestamp now);

}  // namespace lookout
