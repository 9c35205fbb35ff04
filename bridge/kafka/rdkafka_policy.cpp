#include "bridge/kafka/rdkafka_policy.h"

#include <string_view>

namespace lookout {
namespace {

constexpr std::chrono::milliseconds kLook{100};  // so that a stop is noticed

using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;

Result<std::string> policy_in(const rd_kafka_DescribeConfigs_result_t& result) {
  std::size_t topics = 0, settings = 0;
  const auto* const* const described = rd_kafka_DescribeConfigs_result_resources(&result, &topics);
  if (topics == 0) return Failure("Kafka tells nothing of it");
  if (const char* const why = rd_kafka_ConfigResource_error_string(described[0])) return Failure(why);
  const auto* const* const entries = rd_kafka_ConfigResource_configs(described[0], &settings);
  for (std::size_t i = 0; i < settings; ++i) {
    if (std::string_view(rd_kafka_ConfigEntry_name(entries[i])) != "cleanup.policy") continue;
    const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value) return value;
  }
  return Failure("Kafka does not tell it");
}

}  // namespace

CleanupPolicy::CleanupPolicy(rd_kafka_t& handle, const std::string& topic)
    : answers_(rd_kafka_queue_new(&handle)) {
  const AdminOptions how(rd_kafka_AdminOptions_new(&handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* asked = resource.get();
  rd_kafka_DescribeConfigs(&handle, &asked, 1, how.get(), answers_.get());
}

Result<std::string> CleanupPolicy::take_answer(std::chrono::milliseconds patience,
                                               const std::stop_token& stop) const {
  Event answer(rd_kafka_queue_poll(answers_.get(), 0));
  for (; !answer && patience > kLook && !stop.stop_requested(); patience -= kLook)
    answer.reset(rd_kafka_queue_poll(answers_.get(), static_cast<int>(kLook.count())));
  if (!answer) return Failure("Kafka does not answer in time");
  if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return Failure(rd_kafka_event_error_string(answer.get()));
  return policy_in(*rd_kafka_event_DescribeConfigs_result(answer.get()));
}

}  // namespace lookout
