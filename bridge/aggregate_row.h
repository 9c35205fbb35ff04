#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// A window's result as the gateway publishes it on aggregates/#.
struct AggregateRow {
  std::string id, network, window, group, metric, unit, closed_by;
  std::int64_t revision = 0;
  Timestamp start, end;
  std::int64_t count = 0, sensors = 0;
  double sum = 0, mean = 0, min = 0, max = 0, stddev = 0, first = 0, last = 0;
  std::int64_t late = 0, seq_gaps = 0;
};

/// Reads the payload of an aggregate. All fields but `unit` are required; others are passed over.
Result<AggregateRow> parse_aggregate(std::string_view payload);

}  // namespace lookout
