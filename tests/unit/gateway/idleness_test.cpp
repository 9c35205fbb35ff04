// Silence: what closes without a reading, and what does not.
#include <catch2/catch.hpp>

#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;
using Came = std::vector<std::pair<std::int64_t, std::string>>;

namespace {

Config five_minutes() {
  Config config = MachineRig::config({MachineRig::tumbling("5m", 5min, {GroupBy::region})});
  config.time.max_past = std::chrono::days{4000};
  return config;
}

/// Ticks whenever the machine asks for one, for this long; what came out, with the time at which it did.
Came wait(MachineRig& rig, std::int64_t seconds) {
  Came came;
  const Microseconds end = rig.connected + std::chrono::seconds{seconds};
  while (const auto due = rig.machine.due_in()) {
    if (rig.connected + *due > end) break;
    rig.pass(*due / 1s);
    for (const std::string& line : in_short(rig.tick())) came.emplace_back(rig.connected / 1s, line);
  }
  rig.pass((end - rig.connected) / 1s);
  rig.tick();
  return came;
}

}  // namespace

TEST_CASE("nine of ten sensors burn: the window closes on the tenth's readings") {
  MachineRig rig(five_minutes());
  for (int i = 0; i < 10; ++i) rig.live(fmt::format("north/s{}", i), 100 + i, 1);
  for (std::int64_t t = 110; t < 360; t += 10) CHECK(rig.live("north/s9", t, 1).empty());
  CHECK(in_short(rig.live("north/s9", 360, 1)) == Lines{"north 0-300 watermark r0 n29 sum29"});
}

TEST_CASE("all fall silent: windows close after max(idle, end - newest + lag)") {
  MachineRig rig(five_minutes());
  rig.read("north/a", 10, 1);  // newest 10, heard at connected time 0
  CHECK(wait(rig, 3600) == Came{{350, "north 0-300 idle r0 n1 sum1"}});
  MachineRig late(five_minutes());
  late.live("north/a", 340, 1);  // the watermark is at 280: 20 more would close, but idle is 90
  late.read("north/b", 20, 1);
  const std::int64_t last = late.connected / 1s;
  CHECK(wait(late, 3600) ==
        Came{{last + 90, "north 0-300 idle r0 n1 sum1"}, {last + 320, "north 300-600 idle r0 n1 sum1"}});
}

TEST_CASE("readings put off the closing by idleness, at whatever speed they come") {
  MachineRig rig(five_minutes());
  rig.read("north/a", 0, 1);
  for (int i = 1; i <= 100; ++i) {
    CHECK(wait(rig, 80).empty());
    rig.read("north/a", i, 1);
  }
  const std::int64_t last = rig.connected / 1s;
  // 100 s of event time in 8000 s: newest is 100 at `last`.
  CHECK(wait(rig, 3600) == Came{{last + 260, "north 0-300 idle r0 n101 sum101"}});
}

TEST_CASE("what comes after a closing by idleness corrects it, and idleness has moved no watermark") {
  MachineRig rig(five_minutes());
  rig.live("north/a", 100, 1);
  rig.pass(3600);
  CHECK(in_short(rig.tick()) == Lines{"north 0-300 idle r0 n1 sum1"});
  CHECK(nlohmann::json::parse(rig.published.back().payload)["watermark"] == "2026-09-21T14:00:40Z");
  CHECK(rig.read("north/b", 50, 2).empty());
  CHECK(rig.machine.books().late == 0);
  rig.pass(1);
  CHECK(in_short(rig.tick()) == Lines{"north 0-300 late r1 n2 sum3"});
  // Newer data closes nothing a second time.
  CHECK(in_short(rig.read("north/a", 900, 1)).empty());
  CHECK(in_short(rig.finish()) == Lines{"north 900-1200 end_of_input r0 n1 sum1"});
}

TEST_CASE("time without link, and time between two runs, is not silence") {
  MachineRig rig(five_minutes());
  rig.live("north/a", 100, 1);
  rig.pass(3600, false);
  CHECK(rig.tick().empty());
  rig.connected = 0s;  // a new start counts from nothing
  CHECK(rig.tick().empty());
  CHECK(wait(rig, 259).empty());
  CHECK(wait(rig, 1).size() == 1);
}

TEST_CASE("data from last year closes its windows by its own time and nothing jumps to now") {
  MachineRig rig(five_minutes());
  const double last_year = -365 * 86400;
  rig.read("north/a", last_year + 10, 1);
  rig.pass(80);
  rig.read("north/a", last_year + 20, 2);
  rig.pass(1);
  CHECK(rig.tick().empty());
  CHECK(rig.machine.due_in() == 339s);
  rig.pass(339);
  CHECK(in_short(rig.tick()) == Lines{"north -31536000--31535700 idle r0 n2 sum3"});
}

TEST_CASE("an hour of backlog, oldest first: the sensor's own windows complete, no other reading late") {
  Config config = MachineRig::config({MachineRig::tumbling("5m", 5min, {GroupBy::sensor, GroupBy::region}),
                                      MachineRig::tumbling("1h", 1h, {GroupBy::sensor, GroupBy::region})});
  MachineRig rig(config);
  for (std::int64_t t = 0; t < 4500; t += 10) rig.live("north/a", t, 1);
  for (std::int64_t t = 0; t < 3600; t += 10) rig.read("north/b", static_cast<double>(t), 1);
  for (std::int64_t t = 4500; t < 5400; t += 10) {
    rig.live("north/a", t, 1);
    rig.read("north/b", static_cast<double>(t), 1);
  }
  rig.finish();
  std::map<std::string, int> complete;
  for (const std::string& line : in_short(rig.published)) {
    if (line.starts_with("north/b ") && (line.contains(" n30 ") || line.contains(" n360 "))) ++complete["b"];
    if (line.starts_with("north/a ") && (line.contains(" n30 ") || line.contains(" n360 "))) ++complete["a"];
  }
  CHECK(complete["a"] == 18 + 1);
  CHECK(complete["b"] == 12 + 3 + 1);
  CHECK(rig.machine.books().late == 0);
  CHECK(rig.machine.books().refused > 0);  // by the region's 5m windows, counted
}

TEST_CASE("an hour of backlog, newest first: what was refused is counted and visible") {
  MachineRig rig(MachineRig::config({MachineRig::tumbling("5m", 5min, {GroupBy::sensor})}));
  rig.pass(3600);
  for (std::int64_t t = 3590; t >= 0; t -= 10) rig.read("north/b", static_cast<double>(t), 1);
  // Newest 3590, lag 60: windows that end at or before 2930 are final, so those before 2700 refuse.
  CHECK(rig.machine.books().late == 270);
  CHECK(rig.machine.books().accepted == 90);
  std::size_t told = 0;
  for (const Outgoing& message : rig.published) told += message.topic.starts_with("late/") ? 1 : 0;
  CHECK(told == 270);
}
