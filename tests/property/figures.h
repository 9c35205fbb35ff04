#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/timestamp.h"
#include "gateway/output.h"

namespace lookout::test {

/// A reading as the oracle keeps it.
struct Fact {
  std::string network{}, region{}, sensor{}, metric{};
  Timestamp time{};
  Microseconds taken{};  ///< connected time at which it came
  double value = 0;
  std::optional<std::uint64_t> seq{};
  std::string boot{};
};

/// The aggregates of some readings, computed from the definitions, one pass for each.
struct Figures {
  std::uint64_t count = 0, sensors = 0, seq_gaps = 0;
  std::optional<std::uint64_t> over;
  long double sum = 0, mean = 0, stddev = 0;
  double min = 0, max = 0, first = 0, last = 0;
  long double magnitude = 0;  ///< the largest value without its sign: what rounding errors are relative to
};

/// `facts`: one or more, of one metric. `over`: the threshold, where there is one.
Figures compute(const std::vector<Fact>& facts, std::optional<double> over);

/// What differs between a published result and what it should be; empty: nothing.
std::string difference(const MetricResult& published, const Figures& expected);

}  // namespace lookout::test
