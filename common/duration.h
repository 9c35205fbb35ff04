#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// "200ms" "30s" "5m" "24h" "7d", a decimal fraction allowed ("1.5h"); "0" needs no unit. Never negative, at
/// most 10,000 days.
Result<Microseconds> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration reads back: "5m", "90s", "1500ms".
std::string format_duration(Microseconds duration);

/// The same as a bare number of seconds, for JSON.
inline double to_seconds(Microseconds duration) { return static_cast<double>(duration.count()) / 1e6; }

}  // namespace lookout
