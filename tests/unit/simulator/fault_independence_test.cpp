#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

TEST_CASE("all faults together change nothing that one of them decides alone") {
  Scenario scenario = preset("");
  scenario.metrics.resize(1);
  scenario.sensors = 40;
  scenario.duration = 2h;
  FaultOptions reboots, clocks, all;
  reboots.faults = {Reboot{{.share = 0.2, .start = 1h}}};
  clocks.faults = {WrongClock{.scope = {.share = 0.2}, .offset = 24h}};
  all.faults = {Delay{{{0.5, 1s}, {1, 2s}}}, StuckValue{{.share = 0.2}}, clocks.faults[0],
                Outage{{.share = 0.2, .start = 30min, .duration = 10min}}, reboots.faults[0]};
  all.lose = all.duplicates = 0.1;
  const auto hit = [&](const FaultOptions& options, auto judge) {
    std::set<std::uint32_t> sensors;
    for (const Message& message : run_faults(scenario, options).messages) {
      if (judge(message.sample)) sensors.insert(message.sample.sensor);
    }
    return sensors;
  };
  const auto rebooted = [](const Sample& sample) { return sample.boots > 0; };
  const auto ahead = [](const Sample& sample) { return sample.event_time >= kStart + 24h; };
  CHECK(hit(reboots, rebooted).size() == 8);
  CHECK(hit(all, rebooted) == hit(reboots, rebooted));
  CHECK(hit(all, ahead).size() == 8);
  CHECK(hit(all, ahead) == hit(clocks, ahead));
  CHECK(hit(all, ahead) != hit(all, rebooted));
}

TEST_CASE("faults in a sensor do not change which messages are lost, or when the others arrive") {
  Scenario scenario = preset("wildfire");
  scenario.duration = 10min;
  FaultOptions plain;
  plain.lose = plain.reorder = plain.duplicates = 0.2;
  plain.faults = {Delay{{{0.5, 1s}, {1, 1min}}}};
  FaultOptions faulty = plain;
  faulty.faults.insert(faulty.faults.end(), {WrongClock{.scope = {}, .reset = true}, StuckValue{},
                                             Reboot{{.start = 1min, .every = 1min}}});
  const auto before = run_faults(scenario, plain), after = run_faults(scenario, faulty);
  CHECK(before.lost == after.lost);
  REQUIRE(before.messages.size() == after.messages.size());
  for (std::size_t i = 0; i < before.messages.size(); ++i) {
    REQUIRE(before.messages[i].due == after.messages[i].due);
    REQUIRE(before.messages[i].sample.sensor == after.messages[i].sample.sensor);
    REQUIRE(before.messages[i].repeat == after.messages[i].repeat);
  }
}
