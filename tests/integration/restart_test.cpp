#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

constexpr const char* kRules = R"(
[[window]]
name = "5m"
size = "5m"
by = ["region"]
[[rule]]
name = "Fire"
window = "5m"
when = "temperature.mean > 35"
)";

using Key = std::tuple<std::string, std::string, std::string, double, std::int64_t, double>;

std::multiset<Key> ledger_keys(const std::filesystem::path& file) {
  std::multiset<Key> keys;
  for (const LedgerEntry& e : read_ledger(file))
    keys.insert({e.region, e.sensor, e.metric, e.event_time, e.seq, e.value});
  return keys;
}

/// The readings of the archive, a line of JSON each, once there are so many, or as many as there are in time.
/// Lines are counted as they come: to parse all at each look takes long under a sanitizer.
std::string await_archived(const Box& box, std::size_t readings) {
  std::string rows;
  CHECK(wait_until([&] {
    const auto query = run({program("bridge"), "query", "--config", box.config(), "--format", "ndjson"});
    REQUIRE(query.code == 0);
    rows = query.out;
    return occurrences(rows, "\n") >= readings;
  }));
  return rows;
}

std::multiset<Key> archive_keys(const std::string& rows) {
  std::multiset<Key> keys;
  std::istringstream in(rows);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    keys.insert({json["region"], json["sensor"], json["metric"], epoch_of(json["event_time"]), json["seq"],
                 json["value"]});
  }
  return keys;
}

std::vector<std::string> alert_states(Subscriber& subscriber) {
  std::vector<std::string> states;
  for (const auto& alert : subscriber.received("alerts/")) {
    const std::string state = alert.json()["state"];
    if (states.empty() || states.back() != state) states.push_back(state);
  }
  return states;
}

}  // namespace

TEST_CASE(
    "Mosquitto restarted in the middle: all come back, nothing in the ledger is missing in the archive") {
  Broker broker;
  Box box(broker.port(), kRules);
  ChildProcess gateway = box.start("gateway");
  ChildProcess bridge = box.start("bridge");
  ChildProcess simulator(wildfire(box, broker, "720x"), {"/dev/null", box.folder() / "simulator.log"});
  for (const std::size_t progress : {5'000U, 12'000U}) {
    REQUIRE(wait_until([&] { return count_ledger(box.ledger()) > progress; }));
    broker.stop();
    broker.start();
  }
  REQUIRE(simulator.wait() == 0);
  const auto ledger = ledger_keys(box.ledger());
  CHECK(ledger.size() == 24'000);
  CHECK(std::set<Key>(ledger.begin(), ledger.end()).size() == 24'000);
  CHECK(archive_keys(await_archived(box, ledger.size())) == ledger);
  Subscriber subscriber(broker, {"alerts/#"});
  CHECK(wait_until([&] { return alert_states(subscriber) == std::vector<std::string>{"resolved"}; }));
  CHECK(gateway.stop() == 0);
  CHECK(bridge.stop() == 0);
}

TEST_CASE("gateway and bridge killed in the middle: nothing lost, nothing counted twice") {
  Broker broker;
  Box box(broker.port(), kRules);
  ChildProcess gateway = box.start("gateway");
  ChildProcess bridge = box.start("bridge");
  Subscriber subscriber(broker, {"alerts/#", "aggregates/#"});
  ChildProcess simulator(wildfire(box, broker, "720x"), {"/dev/null", box.folder() / "simulator.log"});
  for (const std::size_t progress : {4'000U, 9'000U, 14'000U, 19'000U}) {
    REQUIRE(wait_until([&] { return count_ledger(box.ledger()) > progress; }));
    gateway.kill();
    bridge.kill();
    gateway = box.start("gateway");
    bridge = box.start("bridge");
  }
  REQUIRE(simulator.wait() == 0);
  const auto ledger = read_ledger(box.ledger());
  CHECK(archive_keys(await_archived(box, ledger.size())) == ledger_keys(box.ledger()));

  // 23 windows close, of 5 regions and 2 metrics. One id may come twice, never with two contents.
  std::map<std::string, std::string> aggregates;
  const auto collect = [&] {
    for (const auto& message : subscriber.received("aggregates/")) {
      const auto [known, is_new] = aggregates.emplace(message.json()["id"], message.payload);
      if (!is_new) REQUIRE(known->second == message.payload);
    }
    return aggregates.size() >= 23 * 5 * 2;
  };
  REQUIRE(wait_until(collect));
  for (const auto& [id, payload] : aggregates) {
    INFO(payload);
    REQUIRE(agrees(ledger, nlohmann::json::parse(payload)));
  }
  CHECK(alert_states(subscriber) == std::vector<std::string>{"firing", "resolved"});
}

// The broker loses its sessions with what it had not saved: readings sent before the gateway is back reach
// nobody. So the fire that must be seen breaks out afterwards.
TEST_CASE("Mosquitto killed: all three come back by themselves and alerts go on") {
  Broker broker;
  Box box(broker.port(), kRules);
  ChildProcess gateway = box.start("gateway");
  ChildProcess bridge = box.start("bridge");
  ChildProcess simulator(wildfire(box, broker, "720x"), {"/dev/null", box.folder() / "simulator.log"});
  REQUIRE(wait_until([&] { return count_ledger(box.ledger()) > 5'000; }));
  broker.kill();
  broker.start();
  REQUIRE(simulator.wait() == 0);
  CHECK(read_ledger(box.ledger()).size() == 24'000);
  for (const std::string name : {"gateway", "bridge"}) {
    REQUIRE(wait_until([&] {
      const std::string log = box.log(name);
      const auto lost = log.rfind("-in lost the broker");
      return lost != std::string::npos && log.find(" subscribed to ", lost) != std::string::npos;
    }));
  }
  Subscriber subscriber(broker, {"alerts/after/#"});
  simulate(broker, {"run", "--preset", "wildfire", "--network", "after", "--speed", "max"});
  CHECK(
      wait_until([&] { return alert_states(subscriber) == std::vector<std::string>{"firing", "resolved"}; }));
  CHECK(gateway.running());
  CHECK(bridge.running());
}

// Every message fills a good part of a segment: the callback waits for the next one again and again, while
// the session subscribes, publishes and says goodbye.
TEST_CASE("a backlog of large messages holds up neither the start nor the stop") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsegment = \"1 MiB\"\nlimit = \"64 MiB\"\n");
  box.start("gateway").stop();
  constexpr std::size_t kMessages = 300;
  const std::string payload(60'000, 'x');
  for (std::size_t i = 0; i < kMessages; ++i) broker.publish("sensors/w/north/s/t", payload);
  Subscriber subscriber(broker, {"rejected/#"});
  ChildProcess gateway = box.start("gateway");
  gateway.send(SIGTERM);
  CHECK(gateway.wait(std::chrono::seconds{10}) == 0);
  gateway = box.start("gateway");
  // At least once: what was delivered but not yet acknowledged when it stopped comes again.
  CHECK(wait_until([&] { return subscriber.received("rejected/").size() >= kMessages; }));
  CHECK(gateway.stop() == 0);
}
