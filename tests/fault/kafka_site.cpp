#include "tests/fault/kafka_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "tests/support/ledger.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;
using Key = std::tuple<std::string, std::string, double, std::int64_t, double>;

Key key_of(const nlohmann::json& reading) {
  return {reading["sensor"], reading["metric"], epoch_of(reading["event_time"]), reading["seq"],
          reading["value"]};
}

}  // namespace

KafkaSite::KafkaSite(const std::string& configuration, const std::string& properties)
    : kafka(properties),
      box(broker.port(), fmt::format("[kafka]\nbrokers = \"{}\"\n{}", kafka.brokers(), configuration)),
      observer_(broker, {"lookout/bridge/+/stats"}) {
  start();
}

void KafkaSite::start() { bridge_ = box.start("bridge"); }

void KafkaSite::start_load(const std::string& speed) {
  simulator_.emplace(std::vector<std::string>{program("simulator"), "run", "--sensors", "200", "--interval",
                                              "500ms", "--duration", "6h", "--speed", speed, "--port",
                                              broker.port_text(), "--truth", box.ledger().string()},
                     ChildProcess::Options{"/dev/null", box.folder() / "simulator.log"});
  await_load(1);
}

void KafkaSite::await_load(std::uint64_t readings) {
  const std::uint64_t goal = acknowledged() + readings;
  REQUIRE(wait_until([&] { return acknowledged() >= goal; }, 120s));
}

void KafkaSite::end_load() {
  simulator_->send(SIGINT);
  REQUIRE(simulator_->wait() == 0);
}

bool KafkaSite::await_kafka(std::chrono::seconds patience) {
  return wait_until([&] { return kafka.count("lookout.readings") >= acknowledged(); }, patience);
}

void KafkaSite::check_whole() const {
  std::vector<Key> in_kafka, in_archive, sent;
  std::map<std::string, std::pair<int, std::int64_t>> last;  // by key: partition and offset in the archive
  std::set<std::string> ids;
  for (const Kafka::Record& record : kafka.read("lookout.readings")) {
    if (record.headers.at("ce_type") != "lookout.reading") FAIL("a gap: " << record.value);
    in_kafka.push_back(key_of(nlohmann::json::parse(record.value)));
    ids.insert(record.headers.at("ce_id"));
    const std::int64_t offset = std::stoll(record.headers.at("offset"));
    const auto [before, is_new] = last.try_emplace(record.key, record.partition, offset);
    if (is_new) continue;
    if (before->second.first != record.partition || before->second.second >= offset)
      FAIL("out of order: " << record.key << " at " << offset);
    before->second.second = offset;
  }
  const auto answer = run({program("bridge"), "query", "--config", box.config(), "--format", "ndjson"}, 120s);
  std::istringstream lines(answer.out);
  for (std::string line; std::getline(lines, line);)
    in_archive.push_back(key_of(nlohmann::json::parse(line)));
  for (const LedgerEntry& entry : read_ledger(box.ledger()))
    sent.emplace_back(entry.sensor, entry.metric, entry.event_time, entry.seq, entry.value);
  for (auto* keys : {&in_kafka, &in_archive, &sent}) std::ranges::sort(*keys);
  CHECK(in_kafka.size() == sent.size());
  CHECK(ids.size() == in_kafka.size());
  CHECK((in_kafka == sent));
  CHECK((in_archive == sent));
}

nlohmann::json KafkaSite::stats() {
  observer_.drain([&](const Observer::Seen& seen) { stats_ = nlohmann::json::parse(seen.payload); });
  return stats_;
}

}  // namespace lookout::test
