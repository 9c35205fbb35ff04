#pragma once

#include <chrono>
#include <stop_token>

#include "common/timestamp.h"

namespace lookout {

/// Event time as a function of real time: min(start + elapsed * speed, wall clock). Pure.
class EventClock {
 public:
  using Steady = std::chrono::steady_clock;

  /// Reads `start` at `begin`.
  EventClock(Timestamp start, double speed, Steady::time_point begin)
      : start_(start), speed_(speed), begin_(begin) {}

  /// Never passes `wall`, the wall clock at the same moment.
  [[nodiscard]] Timestamp at(Steady::time_point now, Timestamp wall) const;

  /// How long until the clock reads `due`, should the wall clock not be stepped; 0 or less when it does
  /// already.
  [[nodiscard]] Microseconds until(Timestamp due, Steady::time_point now, Timestamp wall) const;

 private:
  [[nodiscard]] double elapsed_us(Steady::time_point now) const {
    return std::chrono::duration<double, std::micro>(now - begin_).count();
  }
  const Timestamp start_;
  const double speed_;
  const Steady::time_point begin_;
};

/// Waits on the real clocks until the event clock reads `due`; false when stopped.
bool wait_until_due(const EventClock& clock, Timestamp due, const std::stop_token& stop);

}  // namespace lookout
