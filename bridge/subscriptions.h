#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config.h"

namespace lookout {

/// What the bridge subscribes to: the inputs' filters and the gateway's results, each once.
std::vector<std::string> subscriptions(const Config& config);

/// Where a message comes from, by the first level of its topic.
enum class Origin {
  sensor,     ///< to be decoded into readings
  aggregate,  ///< a window's result
  result,     ///< alerts, late and rejected readings: kept as messages
};
Origin origin_of(std::string_view topic);

}  // namespace lookout
