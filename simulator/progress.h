#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "common/progress_line.h"

namespace lookout {

/// Shows how far the simulator is. Threading: one owner.
class Progress {
 public:
  using Clock = ProgressLine::Clock;

  /// `expected` readings in all, about; 0: endless.
  Progress(double expected, Clock::time_point begin);

  /// Shows the readings acknowledged so far, if it is time to; returns when it wants to be called next.
  /// `left_s`: how long the event clock still needs; nothing where only the rate can tell.
  Clock::time_point tick(Clock::time_point now, std::uint64_t readings, std::optional<double> left_s);

 private:
  const double expected_;
  ProgressLine line_;
  std::deque<std::pair<Clock::time_point, std::uint64_t>> history_;  // of the last seconds, for the rate
};

/// "1200 of about 24000 readings, 400/s, about 57s left"
std::string describe_progress(std::uint64_t readings, double expected, double rate,
                              std::optional<double> left_s);

}  // namespace lookout
