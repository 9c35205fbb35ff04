#include "bridge/kafka/rdkafka_policy.h"

#include <string_view>

namespace lookout {
namespace {

using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

std::string policy_in(const rd_kafka_DescribeConfigs_result_t& result) {
  std::size_t topics = 0, settings = 0;
  const auto* const* const described = rd_kafka_DescribeConfigs_result_resources(&result, &topics);
  if (topics == 0) return {};
  const auto* const* const entries = rd_kafka_ConfigResource_configs(described[0], &settings);
  for (std::size_t i = 0; i < settings; ++i) {
    if (std::string_view(rd_kafka_ConfigEntry_name(entries[i])) != "cleanup.policy") continue;
    const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
    return value ? value : "";
  }
  return {};
}

}  // namespace

CleanupPolicy::CleanupPolicy(rd_kafka_t& handle, const std::string& topic)
    : answers_(rd_kafka_queue_new(&handle)) {
  const AdminOptions how(rd_kafka_AdminOptions_new(&handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* asked = resource.get();
  rd_kafka_DescribeConfigs(&handle, &asked, 1, how.get(), answers_.get());
}

std::string CleanupPolicy::take_answer() const {
  const Event answer(rd_kafka_queue_poll(answers_.get(), 0));
  if (!answer || rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return policy_in(*rd_kafka_event_DescribeConfigs_result(answer.get()));
}

}  // namespace lookout
