#include "gateway/alert.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

RuleConfig fire_rule() {
  RuleConfig rule;
  rule.name = "Fire";
  rule.window = "5m";
  rule.when = "temperature.mean > 35";
  rule.severity = "critical";
  rule.labels["crew"] = "7";
  return rule;
}

ClosedWindow closed(std::chrono::seconds end, double mean, std::uint64_t sensors = 10,
                    const std::string& region = "north") {
  ClosedWindow window;
  window.window = "5m";
  window.group = {GroupBy::region, "wildfire", region, {}};
  window.start = Timestamp{end - 300s};
  window.end = Timestamp{end};
  window.decided = Timestamp{end + 61s};
  MetricResult result;
  result.metric = "temperature";
  result.mean = mean;
  result.sensors = sensors;
  result.newest_event = Timestamp{end - 2s};
  result.newest_arrival = Timestamp{end - 1s};
  window.metrics.push_back(result);
  return window;
}

struct Rig {
  explicit Rig(const RuleConfig& rule = fire_rule()) : alerts(*Alerts::create({rule}, "ridge-7")) {}
  std::vector<AlertChange> see(const ClosedWindow& window) {
    std::vector<AlertChange> changes;
    alerts.evaluate(window, changes);
    return changes;
  }
  Alerts alerts;
};

}  // namespace

TEST_CASE("an alert fires at the first window that holds and is resolved by the first that does not") {
  Rig rig;
  CHECK(rig.see(closed(300s, 22)).empty());
  const auto fired = rig.see(closed(600s, 47));
  REQUIRE(fired.size() == 1);
  CHECK(fired[0].firing);
  CHECK(fired[0].id == "Fire/wildfire/north/1970-01-01T00:10:00Z");
  CHECK(fired[0].revision == 0);
  CHECK(fired[0].starts_at == Timestamp{600s});
  CHECK_FALSE(fired[0].ends_at.has_value());
  CHECK(fired[0].value == 47);
  CHECK(fired[0].window_id == "wildfire/5m/north/temperature/1970-01-01T00:05:00Z");
  CHECK(fired[0].event_time == Timestamp{598s});
  CHECK(fired[0].arrived == Timestamp{599s});
  CHECK(fired[0].decided == Timestamp{661s});
  CHECK(rig.see(closed(900s, 48)).empty());
  CHECK(rig.alerts.firing() == 1);
  const auto resolved = rig.see(closed(1200s, 22));
  REQUIRE(resolved.size() == 1);
  CHECK_FALSE(resolved[0].firing);
  CHECK(resolved[0].id == fired[0].id);
  CHECK(resolved[0].revision == 1);
  CHECK(resolved[0].starts_at == Timestamp{600s});
  CHECK(resolved[0].ends_at == Timestamp{1200s});
  CHECK(resolved[0].fingerprint == fired[0].fingerprint);
  CHECK(rig.see(closed(1500s, 22)).empty());
  const auto again = rig.see(closed(1800s, 50));
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == "Fire/wildfire/north/1970-01-01T00:30:00Z");
  CHECK(again[0].revision == 0);
}

TEST_CASE("while firing, a change in the number of sensors is told") {
  Rig rig;
  rig.see(closed(600s, 47, 10));
  const auto fewer = rig.see(closed(900s, 47, 4));
  REQUIRE(fewer.size() == 1);
  CHECK(fewer[0].firing);
  CHECK(fewer[0].revision == 1);
  CHECK(fewer[0].sensors == 4);
}

TEST_CASE("groups have states of their own, other windows and groupings are not looked at") {
  Rig rig;
  CHECK(rig.see(closed(600s, 47, 10, "north")).size() == 1);
  CHECK(rig.see(closed(600s, 47, 10, "south")).size() == 1);
  auto other = closed(900s, 47, 10, "east");
  other.window = "1h";
  CHECK(rig.see(other).empty());
  auto network = closed(900s, 47);
  network.group = {GroupBy::network, "wildfire", {}, {}};
  CHECK(rig.see(network).empty());
}

TEST_CASE("a window without the metric is no evaluation: the state stays") {
  Rig rig;
  rig.see(closed(600s, 47));
  auto silent = closed(900s, 22);
  silent.metrics[0].metric = "smoke";
  CHECK(rig.see(silent).empty());
  CHECK(rig.alerts.firing() == 1);
}

TEST_CASE("labels name rule, severity, box and group, equal labels give the same fingerprint") {
  Rig rig;
  const auto change = rig.see(closed(600s, 47)).at(0);
  CHECK(change.labels == std::map<std::string, std::string>{{"alertname", "Fire"},
                                                            {"severity", "critical"},
                                                            {"box", "ridge-7"},
                                                            {"network", "wildfire"},
                                                            {"region", "north"},
                                                            {"crew", "7"}});
  CHECK(change.fingerprint.size() == 16);
  Rig other;
  CHECK(other.see(closed(9000s, 99)).at(0).fingerprint == change.fingerprint);
  CHECK(other.see(closed(9000s, 99, 1, "south")).at(0).fingerprint != change.fingerprint);
}

TEST_CASE("every rule that cannot be understood is named with its place") {
  RuleConfig first = fire_rule(), second = fire_rule();
  first.when = "temperature.average > 1";
  first.when_place = {"lookout.toml", 7, "rule.when"};
  second.summary = "{grup}";
  second.summary_place = {"lookout.toml", 9, "rule.summary"};
  const auto alerts = Alerts::create({first, second}, "box");
  REQUIRE_FALSE(alerts.has_value());
  REQUIRE(alerts.error().size() == 2);
  CHECK(alerts.error()[0].text().starts_with(
      "lookout.toml:7: rule.when: 'temperature.average' is no aggregate"));
  CHECK(alerts.error()[1].text().starts_with("lookout.toml:9: rule.summary: {grup} is not known"));
}
