#pragma once

#include <string>

#include "bridge/kafka/rdkafka_client.h"

namespace lookout {

/// The cleanup.policy of a topic, asked for beside other work: who answers slowly, or not at all, holds up
/// nobody. Goes before the handle.
class CleanupPolicy {
 public:
  CleanupPolicy(rd_kafka_t& handle, const std::string& topic);
  /// Empty as long as it is not known. Told once.
  [[nodiscard]] std::string take_answer() const;

 private:
  const Queue answers_;
};

}  // namespace lookout
