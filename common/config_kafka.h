#pragma once

#include <string_view>

#include "common/config.h"
#include "common/toml_reader.h"

namespace lookout {

/// [kafka] and [kafka.options]. Whether librdkafka knows an option only the bridge can tell.
void read_kafka(TomlSection section, KafkaConfig& kafka);

/// Whether Kafka takes it as a topic's name.
bool is_topic_name(std::string_view name);
constexpr const char* kTopicNameRule = "1 to 249 letters, digits, '.', '_' and '-', other than '.' and '..'";

}  // namespace lookout
