#include "bridge/kafka/rdkafka_topics.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <set>
#include <thread>

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;

constexpr auto kPatience = 10s;
constexpr auto kPause = 100ms;
constexpr int kSliceMs = 500;  // of a wait, so that a stop is noticed
constexpr std::size_t kErrorText = 512;

struct Maker {
  rd_kafka_t& producer;
  const RdkafkaOptions& options;
  Reports& reports;
  const std::stop_token& stop;

  KafkaResult<void> make() {
    const auto known = known_topics();
    if (!known) return std::unexpected(known.error());
    std::vector<NewTopic> wanted;
    std::vector<rd_kafka_NewTopic_t*> pointers;
    std::array<char, kErrorText> text{};
    const auto want = [&](const std::string& name, int partitions) {
      if (known->contains(name)) return;
      wanted.emplace_back(rd_kafka_NewTopic_new(name.c_str(), partitions, -1, text.data(), text.size()));
      pointers.push_back(wanted.back().get());
    };
    want(options.cursors_topic, 1);
    // Small segments: only what is closed is compacted, and a start reads all that is there.
    for (const auto& [name, value] : {std::pair{"cleanup.policy", "compact"},
                                      {"segment.bytes", "1048576"},
                                      {"min.cleanable.dirty.ratio", "0.1"}})
      if (!pointers.empty()) rd_kafka_NewTopic_set_config(pointers.front(), name, value);
    for (const std::string& name : options.topics) want(name, -1);
    if (pointers.empty()) return {};
    const Queue answers(rd_kafka_queue_new(&producer));
    const AdminOptions how(rd_kafka_AdminOptions_new(&producer, RD_KAFKA_ADMIN_OP_CREATETOPICS));
    rd_kafka_AdminOptions_set_request_timeout(
        how.get(), static_cast<int>(std::chrono::milliseconds(kPatience).count()), text.data(), text.size());
    rd_kafka_CreateTopics(&producer, pointers.data(), pointers.size(), how.get(), answers.get());
    return await(*answers);
  }

  KafkaResult<std::set<std::string>> known_topics() {
    const auto until = Clock::now() + kPatience;
    for (;;) {
      const rd_kafka_metadata_t* metadata = nullptr;
      const rd_kafka_resp_err_t error = rd_kafka_metadata(&producer, 1, nullptr, &metadata, kSliceMs);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        std::set<std::string> names;
        for (int i = 0; i < metadata->topic_cnt; ++i) names.emplace(metadata->topics[i].topic);
        rd_kafka_metadata_destroy(metadata);
        return names;
      }
      if (Clock::now() >= until || stop.stop_requested()) return no_answer(rd_kafka_err2str(error));
      std::this_thread::sleep_for(kPause);  // some answers come at once, again and again
    }
  }

  std::unexpected<KafkaFailure> no_answer(std::string_view why) const {
    return std::unexpected(KafkaFailure{.text = fmt::format("Kafka at {} does not answer: {}{}",
                                                            options.kafka.brokers, why, reports.suffix())});
  }

  KafkaResult<void> await(rd_kafka_queue_t& answers) const {
    Event answer;
    while (!answer && !stop.stop_requested()) answer.reset(rd_kafka_queue_poll(&answers, kSliceMs));
    if (!answer) return std::unexpected(KafkaFailure{.text = "stopping"});
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return no_answer(rd_kafka_event_error_string(answer.get()));
    std::size_t count = 0;
    const auto* const result = rd_kafka_event_CreateTopics_result(answer.get());
    const auto* const* const topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (std::size_t i = 0; i < count; ++i) {
      const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(topics[i]);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        spdlog::info("Kafka: made topic '{}'", rd_kafka_topic_result_name(topics[i]));
      } else if (error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {  // a name that Kafka never takes
        return std::unexpected(KafkaFailure{
            .text = fmt::format("Kafka: topic '{}' cannot be made: {}", rd_kafka_topic_result_name(topics[i]),
                                rd_kafka_topic_result_error_string(topics[i]))});
      } else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        reports.unmade +=
            fmt::format("{}topic '{}' was not made: {}", reports.unmade.empty() ? "" : "; ",
                        rd_kafka_topic_result_name(topics[i]), rd_kafka_topic_result_error_string(topics[i]));
      }
    }
    return {};
  }
};

}  // namespace

KafkaResult<void> make_topics(rd_kafka_t& producer, const RdkafkaOptions& options, Reports& reports,
                              const std::stop_token& stop) {
  return Maker{producer, options, reports, stop}.make();
}

}  // namespace lookout
