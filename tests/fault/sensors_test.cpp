#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/fault/check_whole.h"
#include "tests/fault/site.h"
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

// What comes from broken firmware, and from people who mean it.
std::string hostile_payload(std::mt19937_64& random) {
  const std::vector<std::string> odd{
      "",
      "NaN",
      R"({"value":NaN})",
      R"({"value":Infinity})",
      R"({"value":1e999})",
      R"({"value":-1e308,"event_time":1e308})",
      R"({"value":1,"event_time":99999999999999999999})",
      R"({"value":1,"event_time":-1})",
      R"({"value":1,"event_time":"9999-99-99T99:99:99Z"})",
      R"({"value":1,"value":2,"value":"x"})",
      R"({"value":1,"seq":-9223372036854775808})",
      R"({"value":1,"seq":18446744073709551615,"boot":"\u0000"})",
      R"({"value":{"value":{"value":1}}})",
      R"({"value":1,"unit":")" + std::string(60'000, 'u') + R"("})",
      "{\"value\":1,\"unit\":\"\xff\xfe\"}",
      "\xc3\x28\xa0\xa1",
      nested('[', ']', 30'000),
      R"({"value":)" + nested('[', ']', 5'000) + "}",
      R"({"value":)" + std::string(65'000, '9') + "}",
      std::string(65'536, 'x'),
      std::string(100'000, '\0'),
  };
  const std::size_t choice = random() % (odd.size() + 3);
  return choice < odd.size() ? odd[choice] : random_bytes(random, 1 + random() % 4000);
}

std::string hostile_topic(std::mt19937_64& random) {
  const std::vector<std::string> topics{"sensors/wildfire/hostile/h/temperature",
                                        "sensors/wildfire/hostile/h", "sensors///h/temperature",
                                        "sensors/wildfire/hostile/_all/temperature",
                                        "sensors/wildfire/hostile/" + std::string(300, 'n') + "/temperature"};
  return topics[random() % topics.size()];
}

bool is_hostile(const std::string& id) {
  return id.find("/hostile") != std::string::npos || id.find("/h/") != std::string::npos;
}

}  // namespace

TEST_CASE("hostile payloads under load: no crash, and the windows of the others are those of the batch") {
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  Site site;
  site.start_load("200x");
  for (unsigned i = fault_count(300); i > 0; --i)
    site.broker.publish(hostile_topic(random), hostile_payload(random));
  site.end_load();
  const LedgerReport report =
      site.settle(site.batch(), std::chrono::seconds{60}, [](const auto& id) { return !is_hostile(id); });
  std::cout << fmt::format("seed {}, {} hostile messages; ", seed, fault_count(300)) << report << std::endl;
  INFO(fmt::format("seed {}", seed));
  INFO(report);
  CHECK(report.whole());
  CHECK(report.books_balance());
  CHECK(report.books["rejected"].size() >= 3);
  CHECK(site.gateway.stop() == 0);
}

TEST_CASE(
    "a sensor a day ahead, one in 1970, one that reboots: the windows of the others are those of the batch") {
  Site site;
  site.start_load(
      "200x", "500ms",
      {"--fault", "kind=clock,sensor=sensor-003,offset=24h", "--fault",
       "kind=clock,sensor=sensor-004,reset=true", "--fault", "kind=reboot,sensor=sensor-005,every=60s"});
  site.await_load(150'000);
  site.end_load();
  const auto has_wrong_clock = [](const LedgerEntry& entry) {
    return entry.sensor == "sensor-003" || entry.sensor == "sensor-004";
  };
  Batch batch = Site::empty_batch(), wrong = Site::empty_batch();
  batch.add_ledger(site.ledger(), [&](const auto& entry) { return !has_wrong_clock(entry); });
  wrong.add_ledger(site.ledger(), has_wrong_clock);
  REQUIRE(wrong.readings() > 0);
  const LedgerReport report = site.settle(batch);
  check_whole(report, "wrong clocks");
  CHECK(report.books["rejected"]["future"].get<std::uint64_t>() +
            report.books["rejected"]["past"].get<std::uint64_t>() ==
        wrong.readings());
}
