#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace lookout {

/// How many messages of a replay may go before the gateway has said that it is through with them: what is
/// live waits behind those that it is not through with.
///
/// An answer takes as long as the way there and back, and what the gateway had left to do. What it took for a
/// single message, the quicker of the last two, is taken for the way. Where one takes longer by kAllowed, or
/// by half the way where that is more (a network's jitter grows with it), a single message goes next; else a
/// quarter more than before, up to kMost (delay as the sign of congestion, as in LEDBAT, RFC 6817; the way is
/// measured anew as in BBR). Looks at no clock. Threading: one owner.
class ReplayThrottle {
 public:
  using Duration = std::chrono::steady_clock::duration;
  static constexpr Duration kAllowed = std::chrono::milliseconds{1};
  static constexpr std::size_t kMost = 16;
  /// After so many answers the way is measured anew.
  static constexpr int kAnswers = 64;

  /// So many messages, at least 1, and then the gateway is asked.
  [[nodiscard]] std::size_t messages() const { return messages_; }
  /// It has answered, after this time; nothing: not in the time it had.
  void answered(std::optional<Duration> after);

 private:
  std::size_t messages_ = 1;
  int answers_ = 0;  // since the last for a single message
  Duration last_ = Duration::max(), former_ = Duration::max();
};

}  // namespace lookout
