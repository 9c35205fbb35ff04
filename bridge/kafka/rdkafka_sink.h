#pragma once

#include "bridge/kafka/kafka_sink.h"
#include "bridge/kafka/rdkafka_options.h"

namespace lookout {

/// A sink on a real Kafka. Only the rdkafka_ files include librdkafka.
KafkaResult<std::unique_ptr<KafkaSink>> make_rdkafka_sink(const RdkafkaOptions& options,
                                                          OnWaiting on_waiting);

}  // namespace lookout
