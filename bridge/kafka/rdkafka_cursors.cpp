#include "bridge/kafka/rdkafka_cursors.h"

#include <fmt/format.h>

#include <thread>

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;

constexpr auto kAnswerPatience = 10s;
constexpr auto kRetryPause = 100ms;
constexpr int kSliceMs = 500;  // of a wait, so that a stop is noticed

void take_cursor(const rd_kafka_message_t& message, std::string_view prefix, KafkaCursors& cursors) {
  const std::string_view key(static_cast<const char*>(message.key), message.key_len);
  if (!key.starts_with(prefix)) return;
  if (message.payload == nullptr) {
    cursors.erase(std::string(key));
  } else {
    cursors[std::string(key)] = std::string(static_cast<const char*>(message.payload), message.len);
  }
}

struct Reader {
  const RdkafkaOptions& options;
  Reports& reports;
  const std::stop_token& stop;

  /// A consumer that sees what is committed, or everything. librdkafka's simple one needs no group, and so no
  /// right to one.
  KafkaResult<Handle> make_reader(const char* isolation) {
    auto conf = make_conf(options.kafka,
                          {{"bootstrap.servers", options.kafka.brokers},
                           {"isolation.level", isolation},
                           {"enable.partition.eof", "true"},
                           // The question for the end of a partition knows no other time-out.
                           {"socket.timeout.ms", "5000"}},
                          {{"client.id", options.transactional_id}});
    if (!conf) return std::unexpected(KafkaFailure{.text = conf.error()});
    auto handle = make_handle(RD_KAFKA_CONSUMER, std::move(*conf), reports);
    if (!handle) return std::unexpected(KafkaFailure{.text = handle.error()});
    return std::move(*handle);
  }

  // Not the end of what is committed: behind the beginning of another box's open transaction our own
  // committed cursor cannot be seen, and must be waited for.
  KafkaResult<std::int64_t> cursors_end() {
    const auto reader = make_reader("read_uncommitted");
    if (!reader) return std::unexpected(reader.error());
    std::int64_t low = 0, high = 0;
    const auto until = Clock::now() + kAnswerPatience;
    for (;;) {
      const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
          reader->get(), options.cursors_topic.c_str(), 0, &low, &high, kSliceMs);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return high;
      if (Clock::now() >= until || stop.stop_requested()) return cursors_unread(rd_kafka_err2str(error));
      std::this_thread::sleep_for(kRetryPause);  // some answers come at once, again and again
    }
  }

  std::unexpected<KafkaFailure> cursors_unread(std::string_view why) {
    return std::unexpected(KafkaFailure{.text = fmt::format("Kafka at {}: topic '{}' cannot be read: {}{}",
                                                            options.kafka.brokers, options.cursors_topic, why,
                                                            reports.suffix())});
  }

  KafkaResult<KafkaCursors> read_until(std::int64_t end, std::string_view prefix,
                                       std::chrono::milliseconds patience) {
    KafkaCursors cursors;
    if (end == 0) return cursors;
    const auto reader = make_reader("read_committed");
    if (!reader) return std::unexpected(reader.error());
    const Topic topic(rd_kafka_topic_new(reader->get(), options.cursors_topic.c_str(), nullptr));
    if (rd_kafka_consume_start(topic.get(), 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
      return cursors_unread(rd_kafka_err2str(rd_kafka_last_error()));
    const auto until = Clock::now() + patience;
    std::string why = "no end comes: somebody's transaction stays open";
    bool whole = false;
    while (!whole && Clock::now() < until && !stop.stop_requested()) {
      const Message message(rd_kafka_consume(topic.get(), 0, kSliceMs));
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        whole = message->offset >= end;
      } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        why = rd_kafka_message_errstr(message.get());
        break;
      } else {
        take_cursor(*message, prefix, cursors);
      }
    }
    rd_kafka_consume_stop(topic.get(), 0);
    if (!whole) return cursors_unread(why);
    return cursors;
  }
};

}  // namespace

KafkaResult<KafkaCursors> read_committed_cursors(const RdkafkaOptions& options, Reports& reports,
                                                 std::string_view prefix, std::chrono::milliseconds patience,
                                                 const std::stop_token& stop) {
  Reader reader{options, reports, stop};
  const auto end = reader.cursors_end();
  if (!end) return std::unexpected(end.error());
  return reader.read_until(*end, prefix, patience);
}

}  // namespace lookout
