#include "bridge/replay/replay_throttle.h"

#include <algorithm>
#include <utility>

namespace lookout {

void ReplayThrottle::answered(std::optional<Duration> after) {
  if (after && messages_ == 1) {
    former_ = std::exchange(last_, *after);
    answers_ = 0;
  }
  const Duration way = std::min(last_, former_);
  const bool go_on = after && *after - way <= std::max(kAllowed, way / 2) && ++answers_ < kAnswers;
  messages_ = go_on ? std::min(messages_ + messages_ / 4 + 1, kMost) : 1;
}

}  // namespace lookout
