#pragma once

#include <algorithm>
#include <chrono>

#include "common/timestamp.h"

namespace lookout {

/// Connected time: how long the link to the broker has been up since this program started, as far as it was
/// awake to see it. Whoever is silent on a link that is down, or to a program that was stopped for a while,
/// has not been silent at all. Threading: one owner.
class ConnectedClock {
 public:
  using Clock = std::chrono::steady_clock;
  /// Time between two looks beyond this does not count; so it is to be looked at once a second or more often.
  static constexpr Clock::duration kLongestStep = std::chrono::seconds{2};

  void set_link(bool up, Clock::time_point now) {
    look(now);
    up_ = up;
  }
  [[nodiscard]] bool up() const { return up_; }
  /// Never less than before.
  Microseconds look(Clock::time_point now) {
    if (up_) total_ += std::clamp(now - last_, Clock::duration::zero(), kLongestStep);
    last_ = now;
    return std::chrono::duration_cast<Microseconds>(total_);
  }

 private:
  bool up_ = false;
  Clock::time_point last_;
  Clock::duration total_{};
};

}  // namespace lookout
