#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace lookout {

/// Shows on stderr how far the simulator is: one line that is rewritten on a terminal, else a line every 10
/// s. Threading: one owner.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// `expected` readings in all, about; 0: endless.
  Progress(double expected, Clock::time_point begin);

  /// Shows the readings acknowledged so far, if it is time to; returns when it wants to be called next.
  /// `left_s`: how long the event clock still needs; nothing where only the rate can tell.
  Clock::time_point tick(Clock::time_point now, std::uint64_t readings, std::optional<double> left_s);

 private:
  const double expected_;
  const bool terminal_;
  const Clock::duration interval_;
  Clock::time_point due_;
  std::deque<std::pair<Clock::time_point, std::uint64_t>> history_;  // of the last seconds, for the rate
};

/// "1200 of about 24000 readings, 400/s, about 57s left"
std::string describe_progress(std::uint64_t readings, double expected, double rate,
                              std::optional<double> left_s);

}  // namespace lookout
