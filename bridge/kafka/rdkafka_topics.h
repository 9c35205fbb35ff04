#pragma once

#include "bridge/kafka/kafka_sink.h"
#include "bridge/kafka/rdkafka_client.h"
#include "bridge/kafka/rdkafka_options.h"

namespace lookout {

/// Makes the topics that are missing. Who may not make topics finds them made, or hears at the first record
/// that there are none.
KafkaResult<void> make_topics(rd_kafka_t& producer, const RdkafkaOptions& options, Reports& reports,
                              const std::stop_token& stop);

}  // namespace lookout
