#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

constexpr const char* kRules = R"(
[[window]]
name = "5m"
size = "5m"
[[rule]]
name = "Fire"
window = "5m"
by = "region"
when = "temperature.mean > 35"
severity = "critical"
)";

using Aggregates = std::map<std::string, nlohmann::json>;

// By id without the network, the last revision.
Aggregates aggregates_of(Subscriber& subscriber, const std::string& network) {
  Aggregates found;
  for (const auto& message : subscriber.received("aggregates/" + network + "/")) {
    const auto json = message.json();
    found[json["id"].get<std::string>().substr(network.size())] = json;
  }
  return found;
}

void play(Broker& broker, const std::string& network, std::vector<std::string> faults) {
  std::vector<std::string> arguments{"run",        "--preset", "wildfire",
                                     "--network",  network,    "--seed",
                                     "1",          "--start",  "2026-01-01T00:00:00Z",
                                     "--duration", "2h",       "--speed",
                                     "max"};
  arguments.insert(arguments.end(), faults.begin(), faults.end());
  simulate(broker, std::move(arguments));
}

// Windows of 2 h: by sensor 50, region 5, network 1; two metrics; the last window stays open.
constexpr std::size_t kClosed = 23 * (50 + 5 + 1) * 2;

}  // namespace

TEST_CASE("wildfire: north alerts and no other region, duplicates and reordering change nothing") {
  Broker broker;
  // The start is fixed, so that both runs have the same event times; the guard for the past is out of the
  // way.
  Box box(broker.port(), "[time]\nmax_past = \"3650d\"\n" + std::string(kRules));
  const ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"aggregates/#", "alerts/#", "late/#", "rejected/#"});
  play(broker, "clean", {});
  play(broker, "faulty", {"--duplicates", "0.05", "--reorder", "0.05", "--reorder-max", "60s"});
  for (const std::string network : {"clean", "faulty"}) {
    INFO(network);
    CHECK(wait_until([&] { return aggregates_of(subscriber, network).size() >= kClosed; }));
    const auto alerts = subscriber.received("alerts/" + network + "/");
    std::vector<std::string> states;
    for (const auto& alert : alerts) {
      CHECK(alert.topic == "alerts/" + network + "/Fire/north");
      states.push_back(alert.json()["state"]);
    }
    CHECK(states == std::vector<std::string>{"firing", "resolved"});
  }
  CHECK(subscriber.received("late/").empty());
  CHECK(subscriber.received("rejected/").empty());
  const Aggregates clean = aggregates_of(subscriber, "clean");
  const Aggregates faulty = aggregates_of(subscriber, "faulty");
  REQUIRE(clean.size() == kClosed);
  REQUIRE(faulty.size() == kClosed);
  for (const auto& [id, expected] : clean) {
    INFO(id);
    REQUIRE(faulty.contains(id));
    const auto& actual = faulty.at(id);
    for (const char* field : {"count", "sensors", "min", "max", "first", "last"})
      REQUIRE(actual[field] == expected[field]);
    for (const char* field : {"sum", "mean", "stddev"}) {
      REQUIRE(actual[field].get<double>() == Approx(expected[field].get<double>()).epsilon(1e-9));
    }
  }
}

TEST_CASE("a late subscriber sees the state of the alert, because it is retained") {
  Broker broker;
  Box box(broker.port(), kRules);
  const ChildProcess gateway = box.start("gateway");
  Subscriber early(broker, {"alerts/#"});
  // Ends inside the fire: it is still burning.
  simulate(broker, {"run", "--preset", "wildfire", "--duration", "70m", "--speed", "max", "--seed", "3"});
  REQUIRE(wait_until([&] { return !early.received("alerts/").empty(); }));
  Subscriber late(broker, {"alerts/#"});
  REQUIRE(wait_until([&] { return !late.received("alerts/").empty(); }));
  CHECK(late.received("alerts/").at(0).payload == early.received("alerts/").back().payload);
  CHECK(late.received("alerts/").at(0).retain);
  CHECK(late.received("alerts/").at(0).json()["state"] == "firing");
}
