#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <thread>

#include "tests/fault/site.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> kFiring{"firing 0"};

// A fire that does not end.
void burn(Site& site) {
  site.load.start("20x", "500ms", {"--fire", "region=south,start=20s,duration=5h,ramp=5s,temperature=60"});
}

// Of the fire in the south; the usual one in the north comes and goes.
std::vector<std::string> states(Site& site) {
  std::vector<std::string> south;
  for (const std::string& state : site.look().alert_states()) {
    if (state.ends_with("/south")) south.push_back(state.substr(0, state.rfind(' ')));
  }
  return south;
}

// What somebody sees who comes late; not what is told anew while he listens.
std::vector<std::string> retained_states(Site& site) {
  Subscriber late(site.broker, {"alerts/+/Hot/south"});
  std::vector<std::string> states;
  wait_until(
      [&] {
        states.clear();
        for (const auto& alert : late.received("alerts/")) {
          if (alert.retain) states.push_back(alert.json()["state"]);
        }
        return !states.empty();
      },
      5s);
  return states;
}

}  // namespace

TEST_CASE("a firing alert survives kill -9 of the gateway and is not published as new") {
  Site site;
  burn(site);
  REQUIRE(wait_until([&] { return states(site) == kFiring; }));
  for (int i = 0; i < 3; ++i) {
    site.restart_gateway();
    site.load.await(20'000);
  }
  site.load.end();
  const LedgerReport report = site.settle(site.batch());
  INFO(report);
  CHECK(report.whole());
  CHECK(states(site) == kFiring);
  CHECK(retained_states(site) == std::vector<std::string>{"firing"});
}

// Mosquitto saves retained messages every 30 s: killed before, it has lost them.
TEST_CASE("a retained alert that the broker lost comes back") {
  Site site;
  burn(site);
  REQUIRE(wait_until([&] { return states(site) == kFiring; }));
  site.load.await(30'000);  // the broker has acknowledged the alert long since
  site.kill_broker();
  REQUIRE(wait_until([&] { return site.logged("-out connected to") >= 2; }));
  CHECK(wait_until([&] { return retained_states(site) == std::vector<std::string>{"firing"}; }, 20s));
  // Late readings may revise it meanwhile; it does not begin anew.
  const auto seen = states(site);
  CHECK(seen.front() == "firing 0");
  CHECK(std::ranges::all_of(seen, [](const std::string& state) { return state.starts_with("firing "); }));
  CHECK(
      std::ranges::is_sorted(seen, {}, [](const std::string& state) { return std::stoi(state.substr(7)); }));
}
