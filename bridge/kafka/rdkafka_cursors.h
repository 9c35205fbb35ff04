#pragma once

#include <chrono>

#include "bridge/kafka/kafka_sink.h"
#include "bridge/kafka/rdkafka_client.h"
#include "bridge/kafka/rdkafka_options.h"

namespace lookout {

/// What is committed in the cursors' topic under keys that begin with `prefix`. Waits at most `patience` for
/// transactions that others have open there.
KafkaResult<KafkaCursors> read_committed_cursors(const RdkafkaOptions& options, Reports& reports,
                                                 std::string_view prefix, std::chrono::milliseconds patience,
                                                 const std::stop_token& stop);

}  // namespace lookout
