#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bridge/replay/replay_file.h"
#include "bridge/replay/replay_pacer.h"
#include "bridge/replay/replay_throttle.h"
#include "common/message.h"
#include "common/result.h"

namespace lookout {

/// Sends the messages of a replay as envelopes when they are due.
///
/// A gateway abandons a job that it has heard nothing of for ten minutes. So that a pause of the original
/// time axis may be longer, the last envelope is sent again every five: the gateway knows it by its offset.
/// Threading: play() and too_large() by one thread; the other counts from any.
class ReplayPlayer {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kSignOfLife = std::chrono::minutes{5};
  static constexpr std::size_t kLongestTopic = 65'535;

  /// What the player touches of the world; false: it is to stop.
  struct World {
    std::function<Clock::time_point()> now;
    std::function<bool(Clock::time_point)> wait_until;
    std::function<bool(Outgoing)> publish;
    /// Asks the gateway whether it is through with what was published. How long the answer took; nothing
    /// where none came. Empty: nobody is asked, and the replay has no regard for what is live.
    std::function<std::optional<Clock::duration>()> ask{};
  };
  /// The next messages of the replay; empty: there are no more.
  using Next = std::function<Result<std::vector<ReplayMessage>>()>;

  ReplayPlayer(std::string job, World world) : job_(std::move(job)), world_(std::move(world)) {}

  /// Sends `messages` and all that `next` gives. False: stopped before the end. Fails where the archive
  /// cannot be read.
  Result<bool> play(std::vector<ReplayMessage> messages, const Next& next, ReplayPacer pacer);

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Messages that were not: with the job's name in front their topic would be longer than MQTT allows.
  [[nodiscard]] std::uint64_t too_long() const { return too_long_; }
  /// Messages that were not: their envelopes would be larger than kLargestEnvelope.
  struct TooLarge {
    std::uint64_t count = 0, first_offset = 0;
  };
  [[nodiscard]] const TooLarge& too_large() const { return too_large_; }
  /// Where the last message stands.
  [[nodiscard]] Timestamp position() const { return position_; }

 private:
  bool send(const ReplayMessage& message, ReplayPacer& pacer);
  bool wait_until(Clock::time_point due);
  void give_way();

  const std::string job_;
  const World world_;
  ReplayThrottle throttle_;
  std::size_t unasked_ = 0;  // messages since the gateway was asked
  Outgoing last_;
  TooLarge too_large_;
  std::atomic<std::uint64_t> sent_ = 0, too_long_ = 0;
  std::atomic<Timestamp> position_{};
};

/// "12000 messages, 35 % of the time, 4000/s, about 12s left"
std::string describe_replay(std::uint64_t sent, double share, double rate, double elapsed_s);

}  // namespace lookout
