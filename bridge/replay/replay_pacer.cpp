#include "bridge/replay/replay_pacer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr ReplayPacer::Clock::duration kStep = 4ms;
constexpr double kLongestWait = 86'400.0 * 10'000;  // seconds: as good as for ever, and no overflow

}  // namespace

ReplayPacer::ReplayPacer(Timestamp start, double speed, std::uint64_t rate, Clock::time_point begin)
    : start_(start),
      speed_(speed),
      interval_(rate == 0
                    ? Clock::duration::zero()
                    : std::chrono::duration_cast<Clock::duration>(1s) / static_cast<std::int64_t>(rate)),
      begin_(begin),
      next_by_rate_(begin) {}

ReplayPacer::Clock::time_point ReplayPacer::due(Timestamp at) const {
  const double seconds = std::chrono::duration<double>(at - start_).count() / speed_;
  const std::chrono::duration<double> wait(std::clamp(seconds, 0.0, kLongestWait));
  return std::max(begin_ + std::chrono::duration_cast<Clock::duration>(wait), next_by_rate_);
}

void ReplayPacer::sent(Clock::time_point now) {
  next_by_rate_ = std::max(next_by_rate_, now - kStep) + interval_;
}

bool wait_until(std::chrono::steady_clock::time_point time, const std::stop_token& stop) {
  if (ReplayPacer::Clock::now() >= time) return !stop.stop_requested();
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested() && ReplayPacer::Clock::now() < time)
    stopped.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace lookout
