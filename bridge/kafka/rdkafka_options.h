#pragma once

#include <string>
#include <vector>

#include "common/config.h"

namespace lookout {

struct RdkafkaOptions {
  KafkaConfig kafka;
  std::string transactional_id;
  std::string cursors_topic;        ///< made, compacted, where it is missing
  std::vector<std::string> topics;  ///< made with the broker's defaults where they are missing
};

}  // namespace lookout
