#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/fault/acknowledged.h"
#include "tests/fault/check_whole.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string nested(char open, char close, std::size_t depth) {
  return std::string(depth, open) + std::string(depth, close);
}

// What comes from broken firmware, and from people who mean it, and what is to be said of it: by the topic
// with a metric (codec lookout), and by the one without (codec flat, whose fields are not there). Empty:
// nothing is wrong with it.
struct Hostile {
  std::string payload;
  std::string reason;
  std::string reason_flat;
};

std::vector<Hostile> hostile_payloads(std::mt19937_64& random) {
  const auto both = [](std::string payload, const char* reason) {
    return Hostile{std::move(payload), reason, reason};
  };
  return {
      both("", "not_json"),
      both("NaN", "not_json"),
      both(R"({"value":NaN})", "not_json"),
      both(R"({"value":Infinity})", "not_json"),
      both(R"({"value":1e999})", "not_a_number"),
      both(R"({"value":-1e308,"event_time":1e308})", "bad_time"),
      both(R"({"value":1,"event_time":99999999999999999999})", "bad_time"),
      {R"({"value":1,"event_time":-1})", "past", "no_value"},
      both(R"({"value":1,"event_time":"9999-99-99T99:99:99Z"})", "bad_time"),
      {R"({"value":1,"value":2,"value":"x"})", "not_a_number", "no_value"},
      {R"({"value":1,"seq":-9223372036854775808})", "", "no_value"},
      {R"({"value":1,"seq":18446744073709551615,"boot":"\u0000"})", "", "no_value"},
      {R"({"value":{"value":{"value":1}}})", "not_a_number", "no_value"},
      {R"({"value":1,"unit":")" + std::string(60'000, 'u') + R"("})", "", "no_value"},
      both("{\"value\":1,\"unit\":\"\xff\xfe\"}", "not_utf8"),
      both("\xc3\x28\xa0\xa1", "not_utf8"),
      both(nested('[', ']', 30'000), "no_value"),
      {R"({"value":)" + nested('[', ']', 5'000) + "}", "not_a_number", "no_value"},
      both(R"({"value":)" + std::string(65'000, '9') + "}", "not_a_number"),
      both(std::string(65'536, 'x'), "not_json"),
      both(std::string(100'000, '\0'), "too_large"),
      both("\xff" + random_bytes(random, 1 + random() % 4000), "not_utf8"),
  };
}

struct Sent {
  std::string topic;
  std::string reason;
};

// A name that is wrong is noticed where the rest is right.
Sent topic_and_reason(unsigned number, unsigned kind, const Hostile& hostile) {
  const std::string sensor = fmt::format("h{}", number);
  const std::vector<std::string> topics{
      fmt::format("sensors/wildfire/hostile/{}/temperature", sensor),
      fmt::format("sensors/wildfire/hostile/{}", sensor),
      fmt::format("sensors//hostile/{}/temperature", sensor),
      fmt::format("sensors/wildfire/_all/{}/temperature", sensor),
      fmt::format("sensors/wildfire/hostile/{}{}/temperature", sensor, std::string(300, 'n'))};
  const unsigned shape = kind % static_cast<unsigned>(topics.size());
  if (shape == 1) return {topics[shape], hostile.reason_flat};
  const bool name_decides = shape > 1 && (hostile.reason.empty() || hostile.reason == "past");
  return {topics[shape], name_decides ? "bad_name" : hostile.reason};
}

// Each payload on each kind of topic in turn, every message with a topic of its own.
std::vector<Sent> send_hostile(const Site& site, std::mt19937_64& random, unsigned count) {
  std::vector<Sent> sent;
  for (unsigned i = 0; i < count; ++i) {
    const auto payloads = hostile_payloads(random);
    const Hostile& hostile = payloads[i % payloads.size()];
    sent.push_back(topic_and_reason(i, i / static_cast<unsigned>(payloads.size()), hostile));
    site.broker.publish(sent.back().topic, hostile.payload);
  }
  return sent;
}

bool is_hostile(const std::string& id) { return id.find("/hostile") != std::string::npos; }

// By topic, what was said of it.
std::map<std::string, std::vector<std::string>> reasons_given(Subscriber& rejected) {
  std::map<std::string, std::vector<std::string>> reasons;
  for (const Received& message : rejected.received("rejected/"))
    reasons[message.topic.substr(std::string("rejected/").size())].push_back(message.json()["reason"]);
  return reasons;
}

void check_answers(const std::vector<Sent>& sent, const PubackCounter& pubacks, const Site& site,
                   Subscriber& rejected) {
  const auto reasons = reasons_given(rejected);
  const auto acknowledged = pubacks.acknowledged_by_topic();
  const auto journaled = count_journaled_by_topic(site.box.state() / "gateway");
  for (const Sent& message : sent) {
    INFO(message.topic);
    CHECK(acknowledged.contains(message.topic));
    CHECK((journaled.contains(message.topic) && journaled.at(message.topic) == 1));
    const auto given = reasons.find(message.topic);
    CHECK((given == reasons.end() ? std::vector<std::string>{} : given->second) ==
          (message.reason.empty() ? std::vector<std::string>{} : std::vector{message.reason}));
  }
  CHECK(reasons.size() == static_cast<std::size_t>(
                              std::ranges::count_if(sent, [](const Sent& s) { return !s.reason.empty(); })));
}

std::map<std::string, std::uint64_t> count_reasons(const std::vector<Sent>& sent) {
  std::map<std::string, std::uint64_t> counts;
  for (const Sent& message : sent) {
    if (!message.reason.empty()) ++counts[message.reason];
  }
  return counts;
}

std::map<std::string, std::uint64_t> rejected_in(const nlohmann::json& books) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [reason, count] : books["rejected"].items()) {
    if (count > 0) counts[reason] = count;
  }
  return counts;
}

}  // namespace

TEST_CASE(
    "hostile payloads under load: each is acknowledged, recorded and answered once, and hurts nobody else") {
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  tap(options, pubacks);
  Site site(options);
  Subscriber rejected(site.broker, {"rejected/#"});
  site.load.start("20x");
  const std::vector<Sent> sent = send_hostile(site, random, fault_count(220));
  site.load.end();
  const LedgerReport report =
      site.settle(site.batch(), std::chrono::seconds{60}, [](const auto& id) { return !is_hostile(id); });
  std::cout << fmt::format("seed {}, {} hostile messages; ", seed, sent.size()) << report << std::endl;
  INFO(fmt::format("seed {}", seed));
  INFO(report);
  CHECK(report.whole());
  CHECK(report.books_balance());
  const auto expected = count_reasons(sent);
  CHECK(wait_until([&] { return rejected_in(site.look().stats()["books"]) == expected; }));
  CHECK(rejected_in(site.look().stats()["books"]) == expected);
  check_answers(sent, pubacks, site, rejected);
  CHECK(site.gateway.stop() == 0);
}

TEST_CASE(
    "a sensor a day ahead, one in 1970, one that reboots, one with a number twice: the windows of the others "
    "are those of the batch, and the conflict is in stats, books and archive") {
  Site site;
  site.start_bridge(true);
  site.load.start(
      "200x", "500ms",
      {"--fault", "kind=clock,sensor=sensor-003,offset=24h", "--fault",
       "kind=clock,sensor=sensor-004,reset=true", "--fault", "kind=reboot,sensor=sensor-005,every=60s"});
  site.load.await(150'000);
  for (const int value : {1, 2}) {
    site.broker.publish(
        "sensors/hut/attic/twice/temperature",
        fmt::format(R"({{"event_time":{},"value":{},"seq":7,"boot":"b"}})", std::time(nullptr), value));
  }
  site.load.end();
  const auto has_wrong_clock = [](const LedgerEntry& entry) {
    return entry.sensor == "sensor-003" || entry.sensor == "sensor-004";
  };
  Batch batch = Site::empty_batch(), wrong = Site::empty_batch();
  batch.add_ledger(site.box.ledger(), [&](const auto& entry) { return !has_wrong_clock(entry); });
  wrong.add_ledger(site.box.ledger(), has_wrong_clock);
  REQUIRE(wrong.readings() > 0);
  const auto is_of_theirs = [](const std::string& id) { return !id.starts_with("hut/"); };
  const LedgerReport report = site.settle(batch, std::chrono::seconds{60}, is_of_theirs);
  INFO(report);
  CHECK(report.whole());
  CHECK(report.books["rejected"]["future"].get<std::uint64_t>() +
            report.books["rejected"]["past"].get<std::uint64_t>() ==
        wrong.readings());
  CHECK(report.books["accepted"] == batch.readings() + 2);
  CHECK(wait_until([&] { return site.look().stats()["seq_conflicts"] == 1; }));
  const auto books = run({program("gateway"), "books", "--config", site.box.config()});
  CHECK(books.out.find(
            "readings with the seq of the one before, and something else in them: 1 (all are taken)\n"
            "  hut/attic/twice  1\n") != std::string::npos);
  const auto rows = [&] {
    return run({program("bridge"), "query", "--config", site.box.config(), "--topics", "sensors/hut/#",
                "--format", "csv"})
        .out;
  };
  CHECK(wait_until([&] { return std::ranges::count(rows(), '\n') == 3; }));  // and the head
}
