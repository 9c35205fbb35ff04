#include "tests/bench/keyed_topic.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

namespace lookout::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTransaction = 10'000;
constexpr int kWaitMs = 60'000;

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "bench-keys: {}\n", why);
  std::exit(1);
}

void check(rd_kafka_error_t* error) {
  if (error != nullptr) die(rd_kafka_error_string(error));
}

void check(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(error));
}

using Settings = std::vector<std::pair<const char*, std::string>>;

Handle make_handle(rd_kafka_type_t type, const Settings& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> text{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK)
      die(text.data());
  }
  Handle handle(rd_kafka_new(type, conf, text.data(), text.size()));
  if (!handle) die(text.data());
  return handle;
}

void check_topics(const rd_kafka_topic_result_t** topics, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) check(rd_kafka_topic_result_error(topics[i]));
}

Event answer_of(rd_kafka_queue_t* answers) {
  Event answer(rd_kafka_queue_poll(answers, kWaitMs));
  if (!answer) die("Kafka does not answer");
  check(rd_kafka_event_error(answer.get()));
  return answer;
}

void produce_one(rd_kafka_t* producer, const std::string& topic, const ForwardRecord& record, int partition,
                 std::span<const KafkaHeader> headers) {
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const KafkaHeader& header : headers)
    rd_kafka_header_add(list, header.name, -1, header.value.data(),
                        static_cast<ssize_t>(header.value.size()));
  for (;;) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
        RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) die(rd_kafka_err2str(error));
    rd_kafka_poll(producer, 10);
  }
}

std::uint64_t archive_offset(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  const void* text = nullptr;
  std::size_t size = 0;
  check(rd_kafka_message_headers(&message, &headers));
  check(rd_kafka_header_get_last(headers, "offset", &text, &size));
  const char* const digits = static_cast<const char*>(text);
  std::uint64_t offset = 0;
  std::from_chars(digits, digits + size, offset);
  return offset;
}

struct Span {
  Clock::time_point first = Clock::time_point::max(), last = Clock::time_point::min();
};

// The first of the partitions that the range assignor gives a consumer; those of its neighbour follow.
int first_partition(int consumer, int consumers, int partitions) {
  const int each = partitions / consumers, more = partitions % consumers;
  return consumer * each + std::min(consumer, more);
}

// With half a second, the default, a consumer of a short topic mostly waits for partitions that are read.
Handle make_consumer(const std::string& brokers) {
  return make_handle(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                         {"group.id", "bench"},
                                         {"enable.auto.commit", "false"},
                                         {"fetch.wait.max.ms", "10"},
                                         {"isolation.level", "read_committed"},
                                         {"enable.partition.eof", "true"}});
}

/// Reads partitions [first, end) to their ends.
Span consume_some(const std::string& brokers, const std::string& topic, int first, int end,
                  const std::function<void(const KeyedRecord&)>& on_record) {
  Span span;
  const Handle consumer = make_consumer(brokers);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(end - first);
  for (int partition = first; partition < end; ++partition)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  check(rd_kafka_assign(consumer.get(), list));
  rd_kafka_topic_partition_list_destroy(list);
  for (int ended = 0; ended < end - first;) {
    const Message message(rd_kafka_consumer_poll(consumer.get(), kWaitMs));
    if (!message) die("a consumer hears nothing");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ++ended;
      continue;
    }
    check(message->err);
    span.first = std::min(span.first, Clock::now());
    on_record({message->partition, message->offset, archive_offset(*message)});
    span.last = Clock::now();
  }
  rd_kafka_consumer_close(consumer.get());
  return span;
}

}  // namespace

int murmur2_partition(std::string_view key, int partitions) {
  return rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), partitions, nullptr, nullptr);
}

KeyedTopic::KeyedTopic(std::string brokers, std::string name, int partitions)
    : brokers_(std::move(brokers)), name_(std::move(name)), partitions_(partitions) {
  const Handle admin = make_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_}});
  std::array<char, 512> text{};
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name_.c_str(), partitions, 1, text.data(), text.size());
  const Queue answers(rd_kafka_queue_new(admin.get()));
  rd_kafka_CreateTopics(admin.get(), &topic, 1, nullptr, answers.get());
  const Event answer = answer_of(answers.get());
  rd_kafka_NewTopic_destroy(topic);
  std::size_t count = 0;
  const auto* const result = rd_kafka_event_CreateTopics_result(answer.get());
  check_topics(rd_kafka_CreateTopics_result_topics(result, &count), count);
}

KeyedTopic::~KeyedTopic() {
  const Handle admin = make_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_}});
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name_.c_str());
  const Queue answers(rd_kafka_queue_new(admin.get()));
  rd_kafka_DeleteTopics(admin.get(), &topic, 1, nullptr, answers.get());
  rd_kafka_DeleteTopic_destroy(topic);
  answer_of(answers.get());
}

void KeyedTopic::add_partitions(int total) {
  const Handle admin = make_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_}});
  std::array<char, 512> text{};
  rd_kafka_NewPartitions_t* more =
      rd_kafka_NewPartitions_new(name_.c_str(), static_cast<std::size_t>(total), text.data(), text.size());
  const Queue answers(rd_kafka_queue_new(admin.get()));
  rd_kafka_CreatePartitions(admin.get(), &more, 1, nullptr, answers.get());
  const Event answer = answer_of(answers.get());
  rd_kafka_NewPartitions_destroy(more);
  std::size_t count = 0;
  const auto* const result = rd_kafka_event_CreatePartitions_result(answer.get());
  check_topics(rd_kafka_CreatePartitions_result_topics(result, &count), count);
  partitions_ = total;
}

double KeyedTopic::produce(std::span<const ForwardRecord> records, std::span<const int> partitions) {
  const Handle producer = make_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_},
                                                          {"compression.codec", "lz4"},
                                                          {"linger.ms", "50"},
                                                          {"partitioner", "murmur2_random"},
                                                          {"log_level", "3"},
                                                          {"transactional.id", name_}});
  check(rd_kafka_init_transactions(producer.get(), kWaitMs));
  const RecordNames names = record_names({}, "bench");
  RecordHeaders headers;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i % kTransaction == 0) check(rd_kafka_begin_transaction(producer.get()));
    produce_one(producer.get(), name_, records[i], partitions.empty() ? RD_KAFKA_PARTITION_UA : partitions[i],
                headers.of(records[i], names));
    if (i % 256 == 0) rd_kafka_poll(producer.get(), 0);
    if (i % kTransaction == kTransaction - 1 || i + 1 == records.size())
      check(rd_kafka_commit_transaction(producer.get(), kWaitMs));
  }
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double KeyedTopic::consume(int consumers, const OnRecord& on_record) const {
  std::vector<Span> spans(static_cast<std::size_t>(consumers));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < consumers; ++i) {
      threads.emplace_back([&, i] {
        spans.at(static_cast<std::size_t>(i)) = consume_some(
            brokers_, name_, first_partition(i, consumers, partitions_),
            first_partition(i + 1, consumers, partitions_), [&](const KeyedRecord& r) { on_record(i, r); });
      });
    }
  }
  const auto first = std::ranges::min(spans, {}, &Span::first).first;
  const auto last = std::ranges::max(spans, {}, &Span::last).last;
  return std::chrono::duration<double>(last - first).count();
}

}  // namespace lookout::bench
