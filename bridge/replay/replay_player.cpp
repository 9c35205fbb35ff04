#include "bridge/replay/replay_player.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/replay/replay_envelope.h"
#include "common/progress_line.h"

namespace lookout {

Result<bool> ReplayPlayer::play(std::vector<ReplayMessage> messages, const Next& next, ReplayPacer pacer) {
  while (!messages.empty()) {
    for (const ReplayMessage& message : messages) {
      if (!send(message, pacer)) return false;
    }
    auto more = next();
    if (!more) return Failure(more.error());
    messages = std::move(*more);
  }
  return true;
}

bool ReplayPlayer::send(const ReplayMessage& message, ReplayPacer& pacer) {
  Outgoing envelope = envelope_of(job_, message);
  if (envelope.topic.size() > kLongestTopic) {
    ++too_long_;
    return true;
  }
  if (envelope.payload.size() > kLargestEnvelope) {
    if (++too_large_.count == 1) too_large_.first_offset = message.offset;
    return true;
  }
  if (!wait_until(pacer.due(message.at))) return false;
  last_ = envelope;
  if (!world_.publish(std::move(envelope))) return false;
  pacer.sent(world_.now());
  ++sent_;
  position_ = message.at;
  give_way();
  return true;
}

void ReplayPlayer::give_way() {
  if (!world_.ask || ++unasked_ < throttle_.messages()) return;
  unasked_ = 0;
  throttle_.answered(world_.ask());
}

bool ReplayPlayer::wait_until(Clock::time_point due) {
  for (auto now = world_.now(); due - now > kSignOfLife; now = world_.now()) {
    if (!world_.wait_until(now + kSignOfLife)) return false;
    if (!last_.topic.empty() && !world_.publish(last_)) return false;
  }
  return world_.wait_until(due);
}

std::string describe_replay(std::uint64_t sent, double share, double rate, double elapsed_s) {
  std::string text = fmt::format("{} messages, {:.0f} % of the time, {:.0f}/s", sent, 100 * share, rate);
  if (share > 0 && share < 1)
    text += fmt::format(", about {} left", describe_left(elapsed_s * (1 - share) / share));
  return text;
}

}  // namespace lookout
