#pragma once

#include <string>

#include "bridge/replay/replay_file.h"
#include "bridge/replay/replay_source.h"
#include "common/message.h"

namespace lookout {

/// What a replay was asked to do.
struct ReplayRequest {
  std::string job;  ///< a valid name
  ReplayOrder order = ReplayOrder::event;
  TimeRange range{};
  std::string topics{};  ///< an MQTT filter; empty: all
};

/// What is sent to the gateway; docs/replay.md has the form of each.
/// replay/{job}/{original topic}; `cut` where the archive has only the payload's beginning. May be longer
/// than a topic may be (65,535 bytes).
Outgoing envelope_of(const std::string& job, const ReplayMessage& message);
Outgoing start_of(const ReplayRequest& request);
Outgoing end_of(const std::string& job);
Outgoing cancel_of(const std::string& job);

}  // namespace lookout
