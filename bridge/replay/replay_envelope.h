#pragma once

#include <cstddef>
#include <cstdint>
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
/// Larger ones a broker with the shipped mosquitto.conf (message_size_limit) drops without a word.
inline constexpr std::size_t kLargestEnvelope = 262'144;
/// replay/{job}/{original topic}; `cut` where the archive has only the payload's beginning. Text that escaped
/// makes it too large goes as base64. The topic may be longer than a topic may be (65,535 bytes), and the
/// envelope too large all the same.
Outgoing envelope_of(const std::string& job, const ReplayMessage& message);
Outgoing start_of(const ReplayRequest& request);
Outgoing mark_of(const std::string& job, std::uint64_t mark);
Outgoing end_of(const std::string& job);
Outgoing cancel_of(const std::string& job);

}  // namespace lookout
