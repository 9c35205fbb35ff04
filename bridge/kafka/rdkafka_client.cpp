#include "bridge/kafka/rdkafka_client.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>

#include "common/file.h"

namespace lookout {
namespace {

constexpr std::size_t kErrorText = 512;

void on_log(const rd_kafka_t* handle, int level, const char* /*facility*/, const char* text) {
  static_cast<Reports*>(rd_kafka_opaque(handle))->last_word.take(level, text);
}

void on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* opaque) {
  auto& refused = static_cast<Reports*>(opaque)->refused;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || !refused.empty()) return;
  refused = fmt::format("a record of {} bytes for topic '{}': {}", message->len,
                        rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
}

Result<void> set(rd_kafka_conf_t& conf, const std::string& name, const std::string& value) {
  std::array<char, kErrorText> text{};
  if (rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK)
    return {};
  return Failure(text.data());
}

Result<std::string> value_of(const KafkaOption& option) {
  if (!option.is_in_file) return option.value;
  auto secret = read_file(option.value);
  if (!secret) return secret;
  while (secret->ends_with('\n') || secret->ends_with('\r')) secret->pop_back();
  return secret;
}

}  // namespace

void LastWord::take(int level, const char* text) {
  spdlog::debug("librdkafka: {}", text);
  constexpr int kWarning = 4;
  if (level > kWarning) return;
  const std::scoped_lock lock(mutex_);
  text_ = text;
}

std::string LastWord::suffix() const {
  const std::scoped_lock lock(mutex_);
  return text_.empty() ? std::string{} : fmt::format(" ({})", text_);
}

std::string Reports::suffix() const {
  return last_word.suffix() + (unmade.empty() ? std::string{} : fmt::format(" ({})", unmade));
}

Result<Conf> make_conf(const KafkaConfig& kafka, const std::vector<RdkafkaSetting>& own,
                       const std::vector<RdkafkaSetting>& defaults) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : defaults) {
    if (auto done = set(*conf, name, value); !done) return Failure(done.error());
  }
  for (const KafkaOption& option : kafka.options) {
    const auto value = value_of(option);
    if (!value) return Failure(value.error());
    if (auto done = set(*conf, option.name, *value); !done) return Failure(done.error());
  }
  for (const auto& [name, value] : own) {
    if (auto done = set(*conf, name, value); !done) return Failure(done.error());
  }
  return conf;
}

Result<Handle> make_handle(rd_kafka_type_t type, Conf conf, Reports& reports) {
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  rd_kafka_conf_set_opaque(conf.get(), &reports);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  std::array<char, kErrorText> text{};
  rd_kafka_conf_t* const taken = conf.release();
  Handle handle(rd_kafka_new(type, taken, text.data(), text.size()));
  if (handle) return handle;
  rd_kafka_conf_destroy(taken);
  return Failure(text.data());
}

// linger.ms: a commit flushes whatever waits. The queue takes more than a transaction (forwarder.cpp).
Result<Handle> make_producer(const RdkafkaOptions& options, Reports& reports) {
  auto conf = make_conf(options.kafka,
                        {{"bootstrap.servers", options.kafka.brokers},
                         {"transactional.id", options.transactional_id},
                         // The broker's own way of making topics would give cursors that are not compacted.
                         {"allow.auto.create.topics", "false"}},
                        {{"client.id", options.transactional_id},
                         {"compression.codec", "lz4"},
                         {"linger.ms", "50"},
                         {"partitioner", "murmur2_random"},
                         {"queue.buffering.max.kbytes", "65536"},
                         {"reconnect.backoff.max.ms", "2000"},
                         {"socket.keepalive.enable", "true"},
                         {"transaction.timeout.ms", "60000"}});
  if (!conf) return Failure(conf.error());
  return make_handle(RD_KAFKA_PRODUCER, std::move(*conf), reports);
}

std::vector<Problem> check_kafka(const Config& config) {
  std::vector<Problem> problems;
  const Conf scratch(rd_kafka_conf_new());
  for (const KafkaOption& option : config.kafka.options) {
    const auto value = value_of(option);
    const auto done = value ? set(*scratch, option.name, *value) : Failure(value.error());
    if (!done) problems.push_back({option.place, done.error()});
  }
  if (!problems.empty() || config.kafka.options.empty()) return problems;
  RdkafkaOptions together{
      .kafka = config.kafka, .transactional_id = "check", .cursors_topic = {}, .topics = {}};
  together.kafka.brokers.clear();  // nothing is connected
  Reports reports;
  if (const auto producer = make_producer(together, reports); !producer)
    problems.push_back(
        {config.kafka.options.front().place, "together with the other options: " + producer.error()});
  return problems;
}

}  // namespace lookout
