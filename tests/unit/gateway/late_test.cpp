// Late data: corrections, retractions, and what no window takes.
#include <catch2/catch.hpp>

#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

Config five_minutes() {
  Config config = MachineRig::config({MachineRig::tumbling("5m", 5min, {GroupBy::region})});
  config.time.idle = 1h;
  return config;
}

nlohmann::json last_of(const MachineRig& rig) { return nlohmann::json::parse(rig.published.back().payload); }

}  // namespace

TEST_CASE("late readings within the allowed lateness give one correction an interval later") {
  MachineRig rig(five_minutes());
  rig.live("north/a", 10, 1);
  CHECK(in_short(rig.live("north/a", 360, 5)) == Lines{"north 0-300 watermark r0 n1 sum1"});
  rig.pass(10);
  CHECK(rig.read("north/b", 20, 2).empty());
  CHECK(rig.read("north/b", 30, 4).empty());
  CHECK(rig.machine.due_in() == 1s);
  rig.pass(1);
  CHECK(in_short(rig.tick()) == Lines{"north 0-300 late r1 n3 sum7"});
  CHECK(last_of(rig)["late"] == 2);
  CHECK(last_of(rig)["sensors"] == 2);
  CHECK(rig.machine.books().corrected == 2);
  CHECK(rig.machine.books().late == 0);
  // The next late one starts an interval of its own.
  rig.pass(60);
  CHECK(rig.read("north/b", 40, 8).empty());
  rig.pass(1);
  CHECK(in_short(rig.tick()) == Lines{"north 0-300 late r2 n4 sum15"});
  CHECK(rig.tick().empty());
}

TEST_CASE("a correction does not wait beyond the moment at which its window is final") {
  Config config = five_minutes();
  config.time.allowed_lateness = 60s;
  MachineRig rig(config);
  rig.live("north/a", 10, 1);
  rig.live("north/a", 400, 5);
  CHECK(rig.read("north/b", 20, 2).empty());
  // The reading at 420 makes [0, 300) final: 420 - lag 60 = 300 + 60.
  rig.wall += 20;
  CHECK(in_short(rig.read("north/a", 420, 5)) == Lines{"north 0-300 late r1 n2 sum3"});
  const auto late = rig.read("north/b", 30, 2);
  REQUIRE(late.size() == 1);
  CHECK(late[0].topic == "late/sensors/net/north/b/t");
  CHECK(nlohmann::json::parse(late[0].payload)["refused_by"] == nlohmann::json{"5m/north"});
  CHECK(nlohmann::json::parse(late[0].payload)["late_by_s"] == 330.0);
}

TEST_CASE("the end of input publishes corrections and what is open") {
  MachineRig rig(five_minutes());
  rig.live("north/a", 10, 1);
  rig.live("north/a", 360, 5);
  rig.read("north/b", 20, 2);
  CHECK(in_short(rig.finish()) ==
        Lines{"north 0-300 late r1 n2 sum3", "north 300-600 end_of_input r0 n1 sum5"});
  CHECK(rig.finish().empty());
}

TEST_CASE("a window that had no data when it closed begins at revision 0, and so does a metric") {
  MachineRig rig(five_minutes());
  rig.live("north/a", 310, 1);
  rig.live("north/a", 670, 1);
  rig.read("north/b", 20, 2);
  rig.read("north/b", 320, 8, "smoke");
  rig.pass(1);
  CHECK(in_short(rig.tick()) == Lines{"north 0-300 late r0 n1 sum2", "north 300-600 late r0 n1 sum8"});
  CHECK(last_of(rig)["id"] == "net/5m/north/smoke/2026-09-21T14:05:00Z");
  CHECK(last_of(rig)["late"] == 0);
}

TEST_CASE("sliding windows share their readings and are corrected one by one") {
  Config config = MachineRig::config({MachineRig::sliding("3m", 3min, 1min, {GroupBy::region})});
  config.time.lag = 0s;
  MachineRig rig(config);
  rig.live("north/a", 30, 1);
  rig.live("north/a", 90, 2);
  CHECK(in_short(rig.live("north/a", 150, 4)) == Lines{"north -60-120 watermark r0 n2 sum3"});
  CHECK(in_short(rig.live("north/a", 200, 8)) == Lines{"north 0-180 watermark r0 n3 sum7"});
  rig.read("north/b", 100, 16);  // in -60, 0 and 60, of which the last has not closed
  rig.pass(1);
  CHECK(in_short(rig.tick()) == Lines{"north -60-120 late r1 n3 sum19", "north 0-180 late r1 n4 sum23"});
  CHECK(in_short(rig.live("north/a", 240, 32)) == Lines{"north 60-240 watermark r0 n4 sum30"});
}

TEST_CASE("a late reading joins two sessions: one is revised, the other retracted") {
  Config config = MachineRig::config({MachineRig::session("s", 60s, {GroupBy::sensor})});
  config.time.lag = 0s;
  config.time.idle = 1h;
  MachineRig rig(config);
  rig.live("north/a", 0, 1);
  rig.live("north/a", 30, 2);
  CHECK(in_short(rig.live("north/a", 100, 4)) == Lines{"north/a 0-90 watermark r0 n2 sum3"});
  CHECK(in_short(rig.live("north/a", 300, 8)) == Lines{"north/a 100-160 watermark r0 n1 sum4"});
  CHECK(rig.read("north/a", 70, 16).empty());
  rig.pass(1);
  CHECK(in_short(rig.tick()) ==
        Lines{"north/a 100-160 late r1 n0 sum0 retracted", "north/a 0-160 late r1 n4 sum23"});
  // Earlier than all: the old start's id ends, the new one begins.
  rig.read("north/a", -50, 32);
  rig.pass(1);
  CHECK(in_short(rig.tick()) ==
        Lines{"north/a 0-160 late r2 n0 sum0 retracted", "north/a -50-160 late r0 n5 sum55"});
}

TEST_CASE("sessions merged with an open one publish nothing until it closes") {
  Config config = MachineRig::config({MachineRig::session("s", 60s, {GroupBy::sensor})});
  config.time.lag = 0s;
  config.time.idle = 1h;
  MachineRig rig(config);
  rig.live("north/a", 0, 1);
  rig.live("north/a", 100, 2);
  CHECK(in_short(rig.published) == Lines{"north/a 0-60 watermark r0 n1 sum1"});
  rig.read("north/a", -40, 4);  // before the closed one
  rig.read("north/a", 55, 8);   // and now it reaches the open one
  rig.pass(5);
  CHECK(rig.tick().empty());
  CHECK(in_short(rig.live("north/a", 160, 16)).empty());  // touches it
  CHECK(in_short(rig.live("north/a", 221, 32)) ==
        Lines{"north/a 0-60 late r1 n0 sum0 retracted", "north/a -40-220 watermark r0 n5 sum31"});
}

TEST_CASE("a session that would hold too many is full, and says so") {
  Config config = MachineRig::config({MachineRig::session("s", 1ms, {GroupBy::sensor})});
  config.time.lag = 24h;
  MachineRig rig(config);
  const std::int64_t most = static_cast<std::int64_t>(kMostHeldWindows);
  for (std::int64_t i = 0; i < most; ++i) rig.live("north/a", i, 1);
  CHECK(rig.machine.books().windows_full == 0);
  const auto refused = rig.live("north/a", most, 1);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].topic.starts_with("late/"));
  CHECK(nlohmann::json::parse(refused[0].payload)["reason"] == "windows_full");
  CHECK(rig.machine.books().windows_full == 1);
  CHECK(rig.machine.windows().held() == kMostHeldWindows);
  // Time goes on all the same, and with it room comes back.
  rig.pass(25 * 3600);
  CHECK(rig.live("north/a", most + 25 * 3600, 1).size() > 9'000);
  rig.live("north/a", most + 25 * 3600 + 1, 1);
  CHECK(rig.machine.books().windows_full == 2);
}

TEST_CASE("a window with publish = false is seen by rules alone") {
  Config config = five_minutes();
  config.windows[0].publish = false;
  RuleConfig rule;
  rule.name = "Fire";
  rule.window = "5m";
  rule.when = "t.mean > 35";
  config.rules.push_back(rule);
  MachineRig rig(config);
  rig.live("north/a", 10, 50);
  rig.live("north/a", 360, 50);
  REQUIRE(rig.published.size() == 1);
  CHECK(rig.published[0].topic == "alerts/net/Fire/north");
  // A correction of the latest window counts, one of an older window does not.
  rig.read("north/b", 20, -100);
  rig.pass(1);
  rig.tick();
  REQUIRE(rig.published.size() == 2);
  CHECK(last_of(rig)["status"] == "resolved");
  rig.read("north/b", 21, 500);
  rig.pass(1);
  rig.tick();
  REQUIRE(rig.published.size() == 3);
  CHECK(last_of(rig)["status"] == "firing");
  CHECK(last_of(rig)["revision"] == 2);
}

TEST_CASE("readings above the threshold are counted where there is one") {
  Config config = five_minutes();
  config.windows[0].over = 35;
  MachineRig rig(config);
  for (const double value : {34.0, 35.0, 35.1, 50.0})
    rig.live("north/a", static_cast<std::int64_t>(value), value);
  rig.live("north/a", 360, 0);
  CHECK(last_of(rig)["over"] == 2);
}
