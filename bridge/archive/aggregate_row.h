#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// A window's result as the gateway publishes it on aggregates/#. Figures are empty in a retraction: there is
/// no such window any more.
struct AggregateRow {
  std::string id, network, window, group, metric, unit, closed_by;
  std::int64_t revision = 0;
  Timestamp start, end;
  std::int64_t count = 0, sensors = 0;
  double sum = 0;
  std::optional<double> mean, min, max, stddev, first, last;
  std::int64_t late = 0, seq_gaps = 0;
  std::optional<std::int64_t> over;  ///< readings above the window's threshold, where it has one
  bool incomplete = false;           ///< the gateway may have lost readings of this window
  bool retracted = false;
  bool historical = false;  ///< from a replay
};

/// Reads the payload of an aggregate. `unit`, `over` and the flags may be absent, and so may the figures of a
/// retraction, which are not looked at; fields without a place in the row are passed over.
Result<AggregateRow> parse_aggregate(std::string_view payload);

}  // namespace lookout
