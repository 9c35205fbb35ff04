#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "bridge/kafka/rdkafka_client.h"
#include "common/result.h"

namespace lookout {

/// The cleanup.policy of a topic, asked for beside other work. Goes before the handle.
class CleanupPolicy {
 public:
  CleanupPolicy(rd_kafka_t& handle, const std::string& topic);
  /// Waits so long for it at most. Told once; the failure is why it is not known.
  [[nodiscard]] Result<std::string> take_answer(std::chrono::milliseconds patience,
                                                const std::stop_token& stop) const;

 private:
  const Queue answers_;
};

}  // namespace lookout
