#pragma once

#include <cstdint>
#include <string>

#include "bridge/replay/replay_envelope.h"
#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// The command replay as it was typed.
struct ReplayArguments {
  std::string from{}, to{};  ///< as parse_time_argument reads them
  ReplayOrder order = ReplayOrder::event;
  std::string topics{};  ///< an MQTT filter; empty: all
  std::string speed = "max";
  /// Messages a second at most; fewer where the gateway is not through with them at once (ReplayThrottle).
  /// 0: as fast as the broker takes them, whoever waits. A replay and the live messages go through one
  /// gateway, one after the other: what the replay leaves it is what keeps alerts quick.
  std::uint64_t rate = 5000;
  std::string job{};  ///< empty: one is made
  bool into_live = false;
  bool json = false;
};

struct ReplayPlan {
  ReplayRequest request;
  double speed;  ///< infinite: max
};

/// What the arguments mean; fails with a sentence about the one that is wrong.
Result<ReplayPlan> make_plan(const ReplayArguments& arguments, Timestamp now);

}  // namespace lookout
