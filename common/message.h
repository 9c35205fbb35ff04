#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/timestamp.h"

namespace lookout {

/// What arrived on MQTT, as it came: the unit of journal, archive and replay. Views are valid only where they
/// were handed out.
struct MessageView {
  Timestamp arrival;
  std::string_view topic;
  std::string_view payload;
  bool retain = false;  ///< the broker sent a retained message upon subscribing
  bool cut = false;     ///< longer than message_size: `payload` is only its beginning
};

/// What is to be published, QoS 1.
struct Outgoing {
  std::string topic;
  std::string payload;
  bool retain = false;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(topic, payload, retain);
  }
};

}  // namespace lookout
