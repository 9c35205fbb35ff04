#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "common/timestamp.h"

namespace lookout {

/// When the messages of a replay are due: with the pauses of the original time axis, shortened by the speed,
/// and never more than `rate` a second (in steps of 4 ms). What was held up is made up for, at no more than
/// that rate. Looks at no clock. Threading: one owner.
class ReplayPacer {
 public:
  using Clock = std::chrono::steady_clock;

  /// The axis reads `start` at `begin`. `speed` may be infinite; a `rate` of 0 is none.
  ReplayPacer(Timestamp start, double speed, std::uint64_t rate, Clock::time_point begin);

  /// When a message that stands there may go, at the earliest.
  [[nodiscard]] Clock::time_point due(Timestamp at) const;
  /// One went.
  void sent(Clock::time_point now);

 private:
  const Timestamp start_;
  const double speed_;
  const Clock::duration interval_;  // of the rate
  const Clock::time_point begin_;
  Clock::time_point next_by_rate_;
};

/// Waits; false when stopped before.
bool wait_until(std::chrono::steady_clock::time_point time, const std::stop_token& stop);

}  // namespace lookout
