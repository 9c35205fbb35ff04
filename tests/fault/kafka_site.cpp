#include "tests/fault/kafka_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <set>

#include "tests/fault/preload.h"
#include "tests/support/ledger.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;
// Of the gateway.
constexpr const char* kResults = R"(
[time]
lag = "3s"
idle = "3s"
allowed_lateness = "5s"
[[window]]
name = "r"
size = "10s"
by = ["region"]
[[rule]]
name = "Hot"
window = "r"
when = "temperature.mean > 35"
)";

// Of a reading, as Kafka, archive and ledger have it: for millions of them there is no room.
std::size_t digest_of(std::string_view reading) {
  const auto field = [&](std::string_view name) {
    const auto text = flat_field(reading, name);
    if (text.empty()) throw std::runtime_error(fmt::format("no {} in {}", name, reading));
    return std::string(text);
  };
  return std::hash<std::string>()(fmt::format("{} {} {} {} {}", field("sensor"), field("metric"),
                                              epoch_of(field("event_time")), field("seq"),
                                              std::stod(field("value"))));
}

std::string key_of(std::string_view reading, bool by_region) {
  const auto names = {flat_field(reading, "network"), flat_field(reading, "region"),
                      by_region ? std::string_view{} : flat_field(reading, "sensor")};
  std::string key;
  for (const auto name : names) {
    if (!name.empty()) key += fmt::format("{}{}", key.empty() ? "" : "/", name);
  }
  return key;
}

std::vector<std::size_t> digests_of_lines(const std::filesystem::path& file) {
  std::vector<std::size_t> digests;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) digests.push_back(digest_of(line));
  return digests;
}

}  // namespace

KafkaSite::KafkaSite(const std::string& configuration, const std::string& properties)
    : kafka(properties),
      box(broker.port(),
          fmt::format("{}[kafka]\nbrokers = \"{}\"\n{}", kResults, kafka.brokers(), configuration)),
      is_by_region_(configuration.find("key = \"region\"") != std::string::npos),
      observer_(broker, {"lookout/bridge/+/stats", "aggregates/#", "alerts/#", "late/#"}) {
  start();
}

void KafkaSite::start(bool wait_for_subscription) {
  if (watched_) preload(LOOKOUT_KAFKA_SHIM);
  bridge_ = box.start("bridge", wait_for_subscription);
  if (watched_) preload_nothing();
}

void KafkaSite::watch_transactions() {
  watched_ = true;
  ::setenv("KAFKA_SHIM_LOG", (box.folder() / "transactions").c_str(), 1);
}

std::string KafkaSite::transactions() const { return slurp(box.folder() / "transactions"); }

bool KafkaSite::await_kafka(std::chrono::seconds patience) {
  return wait_until([&] { return kafka.count("lookout.readings") >= load.acknowledged(); }, patience);
}

void KafkaSite::check_whole(bool all_is_kept) const {
  std::vector<std::size_t> in_kafka, ids;
  std::map<std::string, std::pair<int, std::int64_t>> last;  // by key: partition and offset in the archive
  kafka.for_each("lookout.readings", [&](const Kafka::Record& record) {
    if (record.headers.at("ce_type") != "lookout.reading") FAIL("a gap: " << record.value);
    if (record.key != key_of(record.value, is_by_region_))
      FAIL("key " << record.key << " of " << record.value);
    in_kafka.push_back(digest_of(record.value));
    ids.push_back(std::hash<std::string>()(record.headers.at("ce_id")));
    const std::int64_t offset = std::stoll(record.headers.at("offset"));
    const auto [before, is_new] = last.try_emplace(record.key, record.partition, offset);
    if (is_new) return;
    if (before->second.first != record.partition || before->second.second >= offset)
      FAIL("out of order: " << record.key << " at " << offset);
    before->second.second = offset;
  });
  const auto exported = box.folder() / "exported";
  CHECK(run({program("bridge"), "export", "--config", box.config(), "--output", exported}, 600s).code == 0);
  std::vector<std::size_t> in_archive = digests_of_lines(exported), sent = digests_of_lines(box.ledger());
  std::int64_t cursor = 0;  // rises only
  for (const Kafka::Record& record : kafka.read("lookout.cursors")) {
    if (std::ranges::count(record.key, '/') != 1) continue;
    const std::int64_t offset = nlohmann::json::parse(record.value)["offset"];
    if (offset <= cursor) FAIL("the cursor went from " << cursor << " to " << offset);
    cursor = offset;
  }
  CHECK(cursor > 0);
  for (auto* digests : {&in_kafka, &in_archive, &sent, &ids}) std::ranges::sort(*digests);
  CHECK(in_kafka.size() == sent.size());
  CHECK(std::ranges::adjacent_find(ids) == ids.end());
  CHECK((in_kafka == sent));
  if (all_is_kept) CHECK((in_archive == sent));
}

nlohmann::json KafkaSite::status() const {
  return nlohmann::json::parse(run({program("bridge"), "status", "--config", box.config(), "--json"}).out);
}

nlohmann::json KafkaSite::stats() {
  look();
  return stats_;
}

void KafkaSite::look() {
  observer_.drain([&](const Observer::Seen& seen) {
    const std::string kind(seen.topic.substr(0, seen.topic.find('/')));
    if (kind == "lookout") {
      stats_ = nlohmann::json::parse(seen.payload);
    } else if (!seen.payload.empty()) {
      published_[kind].insert(fmt::format("{} {}", seen.topic, seen.payload));
    }
  });
}

// The records of Kafka hold the payloads as they are, those of late readings with the topic in front.
void KafkaSite::check_results() {
  CHECK(gateway_->stop() == 0);
  observer_.await();
  look();
  for (const char* kind : {"aggregates", "alerts", "late"}) {
    INFO(kind);
    std::multiset<std::string> published;
    for (const std::string& line : published_[kind]) {
      const std::size_t space = line.find(' ');
      auto payload = nlohmann::json::parse(line.substr(space + 1));
      if (std::string(kind) == "late") payload["topic"] = line.substr(5, space - 5);
      published.insert(payload.dump());
    }
    CHECK(!published.empty());
    check_topic(std::string("lookout.") + kind, std::move(published));
  }
}

void KafkaSite::check_topic(const std::string& name, std::multiset<std::string> published) {
  CHECK(wait_until([&] { return kafka.count(name) >= published.size(); }, 60s));
  std::multiset<std::string> there;
  std::set<std::string> ids;
  for (const Kafka::Record& record : kafka.read(name)) {
    there.insert(nlohmann::json::parse(record.value).dump());
    ids.insert(record.headers.at("ce_id"));
  }
  CHECK(there.size() == published.size());
  CHECK(ids.size() == there.size());
  CHECK((there == published));
}

}  // namespace lookout::test
