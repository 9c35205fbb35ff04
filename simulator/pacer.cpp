#include "simulator/pacer.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr Microseconds kLongestWait = 1s;  // then the wall clock is looked at again: it may have been stepped

}  // namespace

Timestamp EventClock::at(Steady::time_point now, Timestamp wall) const {
  const double ahead = elapsed_us(now) * speed_;
  // Compared before converting: the product may be beyond 64 bits; infinity times 0 is no number.
  if (!(ahead < static_cast<double>((wall - start_).count()))) return wall;
  return start_ + Microseconds{static_cast<std::int64_t>(ahead)};
}

Microseconds EventClock::until(Timestamp due, Steady::time_point now, Timestamp wall) const {
  const double by_speed = static_cast<double>((due - start_).count()) / speed_ - elapsed_us(now);
  const auto by_wall = static_cast<double>((due - wall).count());
  return Microseconds{static_cast<std::int64_t>(std::ceil(std::max(by_speed, by_wall)))};
}

bool wait_until_due(const EventClock& clock, Timestamp due, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    const Microseconds wait = clock.until(due, EventClock::Steady::now(), wall_clock_now());
    if (wait <= 0us) return true;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, std::min(wait, kLongestWait), [] { return false; });
  }
  return false;
}

}  // namespace lookout
