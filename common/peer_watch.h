#pragma once

#include <atomic>
#include <chrono>

namespace lookout {

/// Whether the other side of a connection is still there: after half a keepalive of silence it is to be asked
/// something that it must answer, and a keepalive after that, still silent, it is dead. So a connection that
/// is open on this side only is noticed one and a half keepalives after the last word, and an answer may
/// take a whole one.
///
/// Threading: heard() from any thread, the rest by one owner.
class PeerWatch {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PeerWatch(Clock::duration keepalive) : keepalive_(keepalive) {}

  /// Something came from the other side; also to be called when a connection begins.
  void heard(Clock::time_point now) noexcept { heard_.store(now, std::memory_order_relaxed); }

  enum class Verdict { alive, ask, dead };
  /// `ask` once in each silence.
  Verdict look(Clock::time_point now) {
    const Clock::time_point heard = heard_.load(std::memory_order_relaxed);
    if (now < heard + keepalive_ / 2) return Verdict::alive;
    if (asked_ <= heard) {
      asked_ = now;
      return Verdict::ask;
    }
    return now < asked_ + keepalive_ ? Verdict::alive : Verdict::dead;
  }
  /// When to look again: no later than a peer that is heard meanwhile is to be asked again.
  [[nodiscard]] Clock::time_point next_look(Clock::time_point now) const {
    const Clock::time_point heard = heard_.load(std::memory_order_relaxed);
    if (asked_ <= heard) return heard + keepalive_ / 2;
    return now < asked_ + keepalive_ / 2 ? asked_ + keepalive_ / 2 : asked_ + keepalive_;
  }

 private:
  const Clock::duration keepalive_;
  Clock::time_point asked_{};
  std::atomic<Clock::time_point> heard_{};
};

}  // namespace lookout
