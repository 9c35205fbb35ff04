// How fast the archive goes to Kafka, beside bare librdkafka loops that read nothing and send the same
// records.
//
//   bench-forward [READINGS [ROUNDS]]     300,000 3
//
// Kafka (scripts/kafka), forwarder and loops share this machine's cores. Each round begins at the archive's
// beginning. The loops' records and their headers are texts before their time begins.
// Transactions of 10,000 and lz4 for all three but the idempotent loop, which has no transactions.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <thread>

#include "bridge/archive/archive.h"
#include "bridge/archive/archive_name.h"
#include "bridge/kafka/forwarder.h"
#include "bridge/kafka/rdkafka_sink.h"
#include "tests/bench/filled_archive.h"
#include "tests/bench/process_figures.h"
#include "tests/support/kafka.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Timestamp kStart = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};
constexpr int kWaitMs = 60'000;

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "bench-forward: {}\n", why);
  std::exit(1);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Config configuration(const std::string& brokers) {
  Config config = filling_config();
  config.kafka.brokers = brokers;
  return config;
}

RdkafkaOptions sink_options(const Config& config, const std::string& box) {
  return {.kafka = config.kafka,
          .transactional_id = "bench-" + box,
          .cursors_topic = "lookout.cursors",
          .topics = {"lookout.readings", "lookout.aggregates", "lookout.alerts", "lookout.late"}};
}

double forward(const Config& config, const Archive& archive, const std::filesystem::path& folder,
               const std::string& box) {
  const test::TempFolder state;
  Forwarder forwarder(
      {.archive = folder, .folder = state.path(), .box = box, .epoch = archive.epoch()}, config,
      [&](OnWaiting) { return make_rdkafka_sink(sink_options(config, box), [](const std::string&) {}); });
  std::jthread thread([&](const std::stop_token& stop) { forwarder.run(stop); });
  while (forwarder.status().state != ForwardState::forwarding) std::this_thread::sleep_for(1ms);
  const auto begin = Clock::now();
  forwarder.advance(archive.next_offset());
  while (forwarder.forwarded() < archive.next_offset()) std::this_thread::sleep_for(1ms);
  return seconds_since(begin);
}

std::vector<ForwardRecords> all_records(const Config& config, const Archive& archive,
                                        const std::filesystem::path& folder) {
  ForwardSource source(folder, RecordMaker(config, "bench", archive.epoch()));
  std::vector<ForwardRecords> batches;
  while (true) {
    auto batch = source.next();
    if (!batch) die(batch.error().text);
    if (batch->records.list.empty()) return batches;
    batches.push_back(std::move(batch->records));
  }
}

void check(rd_kafka_error_t* error) {
  if (error != nullptr) die(rd_kafka_error_string(error));
}

/// The headers of a record, each a name and a text of its own.
using Headers = std::vector<std::pair<const char*, std::string>>;

std::vector<Headers> all_headers(const std::vector<ForwardRecords>& batches, const RecordNames& names) {
  std::vector<Headers> rendered;
  RecordHeaders headers;
  for (const ForwardRecords& records : batches) {
    for (const ForwardRecord& record : records.list) {
      Headers& texts = rendered.emplace_back();
      for (const KafkaHeader& header : headers.of(record, names))
        texts.emplace_back(header.name, header.value);
    }
  }
  return rendered;
}

void produce(rd_kafka_t& producer, rd_kafka_topic_t& topic, const ForwardRecord& record,
             const Headers& headers) {
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const auto& [name, value] : headers)
    rd_kafka_header_add(list, name, -1, value.data(), static_cast<ssize_t>(value.size()));
  while (rd_kafka_producev(&producer, RD_KAFKA_V_RKT(&topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
                           RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
                           RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    rd_kafka_poll(&producer, 10);
  if (record.offset % 256 == 0) rd_kafka_poll(&producer, 0);
}

/// The bare loop: a batch is a transaction. `transactional_id` empty: idempotent, without transactions.
double loop(const std::string& brokers, const std::string& transactional_id, const RecordNames& names,
            const std::vector<ForwardRecords>& batches, const std::vector<Headers>& headers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> text{};
  const auto set = [&](const char* name, const std::string& value) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK)
      die(text.data());
  };
  set("bootstrap.servers", brokers);
  set("compression.codec", "lz4");
  set("linger.ms", "50");
  set("partitioner", "murmur2_random");
  set("enable.idempotence", "true");
  if (!transactional_id.empty()) set("transactional.id", transactional_id);
  const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> producer(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size()), rd_kafka_destroy);
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(producer.get(), names.topics[0].c_str(), nullptr), rd_kafka_topic_destroy);
  const bool transactions = !transactional_id.empty();
  if (transactions) check(rd_kafka_init_transactions(producer.get(), kWaitMs));
  const auto begin = Clock::now();
  auto of_record = headers.begin();
  for (const ForwardRecords& records : batches) {
    if (transactions) check(rd_kafka_begin_transaction(producer.get()));
    for (const ForwardRecord& record : records.list) produce(*producer, *topic, record, *of_record++);
    if (transactions) check(rd_kafka_commit_transaction(producer.get(), kWaitMs));
  }
  if (rd_kafka_flush(producer.get(), kWaitMs) != RD_KAFKA_RESP_ERR_NO_ERROR) die("not flushed");
  return seconds_since(begin);
}

int main(int readings, int rounds) {
  const test::Kafka kafka;
  const test::TempFolder folder;
  const Config config = configuration(kafka.brokers());
  const auto archive = fill_archive(folder / "archive", config, {readings, 500, kStart, 1s});
  const auto records = all_records(config, *archive, folder / "archive");
  const RecordNames names = record_names(config.kafka, "bench");
  const auto headers = all_headers(records, names);
  forward(config, *archive, folder / "archive", "warm-up");
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const auto n = static_cast<double>(readings);
    const double ours = forward(config, *archive, folder / "archive", fmt::format("round-{}", round));
    const double bare = loop(kafka.brokers(), fmt::format("bare-{}", round), names, records, headers);
    const double idempotent = loop(kafka.brokers(), {}, names, records, headers);
    ratios.push_back(bare / ours);
    fmt::print(
        "round {}: archive to Kafka {:.0f}/s, bare transactions {:.0f}/s, idempotent {:.0f}/s: ratio "
        "{:.2f}\n",
        round + 1, n / ours, n / bare, n / idempotent, ratios.back());
  }
  fmt::print(
      "median of {} rounds of {} readings: ratio {:.2f}; peak resident {:.0f} MB with the loops' records\n",
      rounds, readings, median(ratios), figures_of(::getpid()).peak_rss_mb);
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  return lookout::bench::main(number(1, 300'000), number(2, 3));
}
