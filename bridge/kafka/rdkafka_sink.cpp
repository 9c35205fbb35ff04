#include "bridge/kafka/rdkafka_sink.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>

#include "bridge/kafka/rdkafka_cursors.h"
#include "bridge/kafka/rdkafka_policy.h"
#include "bridge/kafka/rdkafka_topics.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kSliceMs = 500;  // of a wait, so that a stop is noticed
constexpr auto kPatience = 10s;
constexpr auto kTellAfter = 3s;
constexpr auto kPolicyPatience = 2000ms;
constexpr int kCommitMs = 1500;
constexpr int kPollMs = 10;
constexpr int kGoodbyeMs = 1000;
constexpr std::int64_t kRecordsBetweenPolls = 256;
constexpr std::size_t kErrorText = 512;

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;

rd_kafka_vu_t topic_field(rd_kafka_topic_t& topic) {
  rd_kafka_vu_t field{};
  field.vtype = RD_KAFKA_VTYPE_RKT;
  field.u.rkt = &topic;
  return field;
}

/// An empty value removes its key from a compacted topic.
rd_kafka_vu_t bytes_field(rd_kafka_vtype_t type, std::string_view bytes) {
  rd_kafka_vu_t field{};
  field.vtype = type;
  field.u.mem = {bytes.empty() ? nullptr : const_cast<char*>(bytes.data()), bytes.size()};
  return field;
}

rd_kafka_vu_t copy_field() {
  rd_kafka_vu_t field{};
  field.vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  field.u.i = RD_KAFKA_MSG_F_COPY;
  return field;
}

// All at once, and owned by us until they are taken: single ones are freed twice by librdkafka 2.0.2 where a
// topic is known not to be there.
Headers make_headers(const KafkaRecord& record) {
  Headers headers(rd_kafka_headers_new(record.headers.size()));
  for (const KafkaHeader& header : record.headers)
    rd_kafka_header_add(headers.get(), header.name, -1, header.value.data(),
                        static_cast<ssize_t>(header.value.size()));
  return headers;
}

rd_kafka_vu_t headers_field(rd_kafka_headers_t& headers) {
  rd_kafka_vu_t field{};
  field.vtype = RD_KAFKA_VTYPE_HEADERS;
  field.u.headers = &headers;
  return field;
}

class RdkafkaSink final : public KafkaSink {
 public:
  RdkafkaSink(RdkafkaOptions options, OnWaiting on_waiting)
      : options_(std::move(options)), on_waiting_(std::move(on_waiting)) {}
  RdkafkaSink(const RdkafkaSink&) = delete;
  RdkafkaSink& operator=(const RdkafkaSink&) = delete;
  ~RdkafkaSink() override {
    if (!producer_) return;
    // An open transaction would hold up everybody who reads what is committed, until its timeout.
    if (open_) Error(rd_kafka_abort_transaction(producer_.get(), kGoodbyeMs));
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(producer_.get(), 0);
  }

  Result<void> create() {
    auto producer = make_producer(options_, reports_);
    if (!producer) return Failure(producer.error());
    producer_ = std::move(*producer);
    std::array<char, 32> timeout{};
    std::size_t size = timeout.size();
    rd_kafka_conf_get(rd_kafka_conf(producer_.get()), "transaction.timeout.ms", timeout.data(), &size);
    transaction_timeout_ = std::chrono::milliseconds{std::strtol(timeout.data(), nullptr, 10)};
    cursors_.reset(rd_kafka_topic_new(producer_.get(), options_.cursors_topic.c_str(), nullptr));
    return {};
  }

  KafkaResult<void> take_over(const std::stop_token& stop) override {
    if (auto made = make_topics(*producer_, options_, reports_, stop); !made) return made;
    policy_.emplace(*producer_, options_.cursors_topic);
    return patiently("no producer's id could be had", kPatience, stop,
                     [&] { return rd_kafka_init_transactions(producer_.get(), kSliceMs); });
  }

  KafkaResult<KafkaCursors> read_cursors(std::string_view prefix, const std::stop_token& stop) override {
    auto cursors = read_committed_cursors(options_, reports_, prefix, 2 * transaction_timeout_, stop);
    if (!cursors) return cursors;
    if (auto kept = check_policy(stop); !kept) return std::unexpected(kept.error());
    return cursors;
  }

  std::string cluster_id() override {
    char* const id = rd_kafka_clusterid(producer_.get(), kSliceMs);
    std::string text = id ? id : "";
    rd_kafka_mem_free(producer_.get(), id);
    return text;
  }

  KafkaResult<void> begin() override {
    reports_.refused.clear();
    rd_kafka_poll(producer_.get(), 0);
    if (const Error error{rd_kafka_begin_transaction(producer_.get())})
      return failure("a transaction could not begin", *error);
    open_ = true;
    return {};
  }

  KafkaResult<void> produce(const KafkaRecord& record, const std::stop_token& stop) override {
    if (++produced_ % kRecordsBetweenPolls == 0) rd_kafka_poll(producer_.get(), 0);
    Headers headers = make_headers(record);
    std::array<rd_kafka_vu_t, 5> fields{
        topic_field(*handle_of(record.topic)), bytes_field(RD_KAFKA_VTYPE_KEY, record.key),
        bytes_field(RD_KAFKA_VTYPE_VALUE, record.value), copy_field(), headers_field(*headers)};
    const auto until = Clock::now() + kPatience;
    for (;;) {
      const Error error(rd_kafka_produceva(producer_.get(), fields.data(), fields.size()));
      if (!error) {
        [[maybe_unused]] auto* const taken = headers.release();
        return {};
      }
      const bool full = rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
      if (!full || Clock::now() >= until || stop.stop_requested()) return refused(record.topic, *error);
      rd_kafka_poll(producer_.get(), kPollMs);
    }
  }

  KafkaResult<void> store_cursor(std::string_view key, std::string_view value) override {
    rd_kafka_vu_t partition{};
    partition.vtype = RD_KAFKA_VTYPE_PARTITION;
    partition.u.i32 = 0;
    std::array<rd_kafka_vu_t, 5> fields{topic_field(*cursors_), partition,
                                        bytes_field(RD_KAFKA_VTYPE_KEY, key),
                                        bytes_field(RD_KAFKA_VTYPE_VALUE, value), copy_field()};
    const Error error(rd_kafka_produceva(producer_.get(), fields.data(), fields.size()));
    return error ? refused(options_.cursors_topic, *error) : KafkaResult<void>{};
  }

  KafkaResult<void> commit(const std::stop_token& stop) override {
    // While it flushes, a transaction can be aborted, where it is to stop; while it commits, it cannot.
    if (auto flushed = flush(stop); !flushed) return flushed;
    auto done = patiently("a transaction could not be committed", 2 * transaction_timeout_, stop,
                          [&] { return rd_kafka_commit_transaction(producer_.get(), kCommitMs); });
    // A commit of nothing succeeds, also where everything in it was refused.
    if (done && !reports_.refused.empty())
      done = std::unexpected(KafkaFailure{.text = "Kafka: refused " + reports_.refused});
    if (done) open_ = false;
    return done;
  }

 private:
  // Where cursors go with time, a box that was idle for as long would have everything come twice.
  KafkaResult<void> check_policy(const std::stop_token& stop) {
    if (!policy_) return {};
    // A Kafka that has not told it once holds up nobody again, and is complained of no more.
    static std::atomic<bool> is_known = true;
    const auto policy = policy_->take_answer(is_known ? kPolicyPatience : 0ms, stop);
    policy_.reset();
    if (policy && *policy == "compact") return {};
    if (policy)
      return std::unexpected(KafkaFailure{
          .text = fmt::format(
              "Kafka: topic '{}' has cleanup.policy={}, with which it forgets how far this box is: "
              "set its cleanup.policy to compact",
              options_.cursors_topic, *policy)});
    if (!stop.stop_requested() && is_known.exchange(false))
      spdlog::warn(
          "Kafka: whether topic '{}' has cleanup.policy=compact, without which it forgets how far "
          "this box is, cannot be known: {}",
          options_.cursors_topic, policy.error());
    return {};
  }

  /// Makes the call again as long as it says that it may be.
  template <typename Call>
  KafkaResult<void> patiently(std::string_view what, Clock::duration patience, const std::stop_token& stop,
                              Call call) {
    const auto until = Clock::now() + patience;
    auto told = Clock::now();
    for (;;) {
      const Error error(call());
      if (!error) return {};
      auto failed = failure(what, *error);
      const bool again = rd_kafka_error_is_retriable(error.get()) != 0 && !stop.stop_requested();
      if (!again || Clock::now() >= until) return failed;
      if (Clock::now() >= told + kTellAfter) {
        told = Clock::now();
        on_waiting_(failed.error().text);
      }
      if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__TIMED_OUT)
        rd_kafka_poll(producer_.get(), kSliceMs);
    }
  }

  KafkaResult<void> flush(const std::stop_token& stop) {
    const auto until = Clock::now() + 2 * transaction_timeout_;
    auto told = Clock::now();
    while (rd_kafka_flush(producer_.get(), kSliceMs) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
      const std::string why = fmt::format("Kafka at {}: {} records are not taken{}", options_.kafka.brokers,
                                          rd_kafka_outq_len(producer_.get()), reports_.suffix());
      if (stop.stop_requested() || Clock::now() >= until) return std::unexpected(KafkaFailure{.text = why});
      if (Clock::now() < told + kTellAfter) continue;
      told = Clock::now();
      on_waiting_(why);
    }
    return {};
  }

  KafkaResult<void> failure(std::string_view what, const rd_kafka_error_t& error) {
    const rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
    KafkaFailure failure{.text = fmt::format("Kafka at {}: {}: {}", options_.kafka.brokers, what,
                                             rd_kafka_error_string(&error))};
    failure.fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                     code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    failure.text +=
        reports_.refused.empty() ? reports_.suffix() : fmt::format(" (refused: {})", reports_.refused);
    return std::unexpected(std::move(failure));
  }

  KafkaResult<void> refused(std::string_view topic, const rd_kafka_error_t& error) {
    std::array<char, kErrorText> text{};
    rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
      code = rd_kafka_fatal_error(producer_.get(), text.data(), text.size());
    return std::unexpected(
        KafkaFailure{.fenced = code == RD_KAFKA_RESP_ERR__FENCED,
                     .text = fmt::format("Kafka at {}: nothing can be put into topic '{}': {}{}{}{}",
                                         options_.kafka.brokers, topic, rd_kafka_error_string(&error),
                                         text.front() == '\0' ? "" : ": ", text.data(), reports_.suffix())});
  }

  rd_kafka_topic_t* handle_of(std::string_view name) {
    const auto known = topics_.find(name);
    if (known != topics_.end()) return known->second.get();
    const std::string text(name);
    return topics_.emplace(text, rd_kafka_topic_new(producer_.get(), text.c_str(), nullptr))
        .first->second.get();
  }

  const RdkafkaOptions options_;
  const OnWaiting on_waiting_;
  Reports reports_;  // outlives the handles
  Handle producer_;
  std::optional<CleanupPolicy> policy_;
  Topic cursors_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::chrono::milliseconds transaction_timeout_{};
  std::int64_t produced_ = 0;
  bool open_ = false;
};

}  // namespace

KafkaResult<std::unique_ptr<KafkaSink>> make_rdkafka_sink(const RdkafkaOptions& options,
                                                          OnWaiting on_waiting) {
  auto sink = std::make_unique<RdkafkaSink>(options, std::move(on_waiting));
  if (const auto created = sink->create(); !created)
    return std::unexpected(KafkaFailure{.text = "Kafka: " + created.error()});
  return sink;
}

}  // namespace lookout
