#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <ctime>
#include <random>
#include <set>

#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

constexpr const char* kWindow = "[[window]]\nname = \"1m\"\nsize = \"1m\"\nlag = 0\nby = [\"sensor\"]\n";

std::string noise(std::size_t size) {
  std::mt19937_64 random(9);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_CASE("bad input is counted by reason, published on rejected/, and has no effect on other sensors") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess gateway = box.start("gateway");
  ChildProcess bridge = box.start("bridge");
  Subscriber subscriber(broker, {"rejected/#", "aggregates/#", "lookout/gateway/+/stats"});
  const std::int64_t now = std::time(nullptr) / 60 * 60;
  const std::string topic = "sensors/w/north/bad/t";
  const std::vector<std::array<std::string, 3>> bad{
      {topic, "not json", "not_json"},
      {topic, "{}", "no_value"},
      {topic, "NaN", "not_json"},
      {topic, R"({"value":NaN})", "not_json"},
      {topic, R"({"value":"22"})", "not_a_number"},
      {topic, R"({"value":1e400})", "not_a_number"},
      {topic, noise(65536), "not_utf8"},
      {topic, noise(70000), "too_large"},
      {topic, "{\"value\":1,\"unit\":\"\xC3\x28\"}", "not_utf8"},
      {topic, R"({"value":1,"event_time":0})", "past"},
      {topic, R"({"value":1,"event_time":"3000-01-01T00:00:00Z"})", "future"},
      {topic, R"({"value":1,"event_time":"noon"})", "bad_time"},
      {"sensors/w/no rth/s/t", R"({"value":1})", "bad_name"},
      {"sensors/w//s/t", R"({"value":1})", "bad_name"},
      {"sensors/w/north/b", R"({"temperature_c":"x"})", "not_a_number"}};
  std::multiset<std::string> expected;
  for (std::int64_t i = 0; i < 5; ++i) {
    // A good sensor's readings between them: two a minute, the last of which closes the minute before.
    broker.publish("sensors/w/north/good/t",
                   fmt::format(R"({{"event_time":{},"value":{}}})", now - 300 + i * 30, i));
    for (std::size_t k = static_cast<std::size_t>(i) * 3; k < static_cast<std::size_t>(i) * 3 + 3; ++k) {
      broker.publish(bad[k][0], bad[k][1]);
      expected.insert(bad[k][2]);
    }
  }
  REQUIRE(wait_until([&] { return subscriber.received("rejected/").size() >= bad.size(); }));
  std::multiset<std::string> reasons;
  for (const auto& message : subscriber.received("rejected/")) {
    const auto json = message.json();
    reasons.insert(json["reason"]);
    CHECK_FALSE(json["detail"].get<std::string>().empty());
    CHECK((json.contains("payload") || json.contains("payload_base64")));
  }
  CHECK(reasons == expected);
  REQUIRE(wait_until([&] { return subscriber.received("aggregates/").size() >= 2; }));
  const auto aggregates = subscriber.received("aggregates/");
  CHECK(aggregates.size() == 2);
  CHECK(aggregates[0].json()["sum"] == 0 + 1);
  CHECK(aggregates[1].json()["sum"] == 2 + 3);
  REQUIRE(wait_until([&] { return !subscriber.received("lookout/gateway/").empty(); }));
  const auto books = subscriber.received("lookout/gateway/").back().json()["books"];
  CHECK(books["received"] == 5 + bad.size());
  CHECK(books["accepted"] == 5);
  for (const std::string& reason : expected) CHECK(books["rejected"][reason] == expected.count(reason));
  CHECK(gateway.running());
  CHECK(bridge.running());
  CHECK(gateway.stop() == 0);
  CHECK(bridge.stop() == 0);
}
