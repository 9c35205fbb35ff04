#pragma once

#include <cstdint>
#include <string>

#include "bridge/days/day_summary.h"
#include "common/message.h"

namespace lookout {

/// wildfire/day/north/temperature/2026-11-22T00:00:00Z
std::string day_id(const DaySummary& summary, const Day& day);

/// How a summary stands among those of the same id.
struct DayRevision {
  std::int64_t revision = 0;
  std::int64_t late = 0;  ///< readings more than revision 0 had
};

/// The summary as it is published on aggregates/{network}/day/{group}/{metric}: the fields of any window's
/// result, and `expected`, `missing` (both null where no interval is known) and `late_arrivals`. closed_by is
/// `watermark` of revision 0, `late` of corrections. `watermark`: the wall clock when it was computed, less
/// the lag.
Outgoing render_day(const DaySummary& summary, const Day& day, const DayRevision& revision,
                    Timestamp watermark);

}  // namespace lookout
