#include "gateway/reference_clock.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

constexpr double kIn2040 = 2208988800.0 - MachineRig::kStart;

Config one_minute() {
  return MachineRig::config({MachineRig::tumbling("1m", 1min, {GroupBy::sensor, GroupBy::region})});
}

/// A box that booted in 1970, whose sensors know the time.
struct ColdBoot : MachineRig {
  explicit ColdBoot(const Config& config = one_minute()) : MachineRig(config) {
    wall = 100;
    trusted = false;
  }
};

std::size_t rejected(const MachineRig& rig, Reason reason) {
  return rig.machine.books().rejected[static_cast<std::size_t>(reason)];
}

}  // namespace

TEST_CASE("the median agrees with sorting, whatever is heard") {
  std::mt19937_64 random(11);
  ReferenceClock clock;
  std::vector<std::int64_t> newest(50, -1), heard(50, 0);
  std::int64_t connected = 0;
  for (int i = 0; i < 5000; ++i) {
    connected += static_cast<std::int64_t>(random() % 5);
    journal::Record record;
    record.message.arrival = Timestamp{0s};  // nearer to the lower of two in the middle
    record.stamp = {std::chrono::seconds{connected}, random() % 20 == 0};
    clock.advance(record);
    const std::size_t sensor = random() % 50;
    const auto time = static_cast<std::int64_t>(1'000'000 + random() % 100'000 + static_cast<unsigned>(i));
    clock.hear(static_cast<std::uint32_t>(sensor), Timestamp{std::chrono::seconds{time}});
    if (time > newest[sensor]) {
      newest[sensor] = time;
      heard[sensor] = connected;
    }
    if (record.stamp.trusted) {
      REQUIRE(clock.now() == record.message.arrival);
      continue;
    }
    std::vector<std::int64_t> votes;
    for (std::size_t s = 0; s < newest.size(); ++s) {
      if (newest[s] >= 0) votes.push_back(newest[s] + connected - heard[s]);
    }
    std::ranges::sort(votes);
    REQUIRE(clock.now() == Timestamp{std::chrono::seconds{votes[(votes.size() - 1) / 2]}});
  }
}

TEST_CASE("of two sensors that disagree the one nearer to the wall clock is believed") {
  for (const bool wrong_first : {true, false}) {
    ReferenceClock clock;
    journal::Record record;
    record.message.arrival = Timestamp{1'790'000'000s};
    record.stamp.trusted = false;
    clock.advance(record);
    clock.hear(wrong_first ? 0 : 1, Timestamp{10s});
    clock.hear(wrong_first ? 1 : 0, Timestamp{1'790'000'500s});
    CHECK(clock.now() == Timestamp{1'790'000'500s});
    record.message.arrival = Timestamp{100s};
    clock.advance(record);
    CHECK(clock.now() == Timestamp{10s});
  }
}

TEST_CASE("without a clock three sensors that agree are taken at their word, a fourth in 2040 is not") {
  ColdBoot rig;
  for (int i = 0; i < 100; ++i) {
    rig.pass(1);
    for (const char* sensor : {"north/a", "north/b", "north/c"}) rig.read(sensor, i, 1);
    rig.read("north/d", kIn2040 + i, 1);
  }
  CHECK(rig.machine.books().accepted == 300);
  CHECK(rejected(rig, Reason::future) == 100);
  CHECK(rig.machine.books().watermarks_set_back == 0);
}

TEST_CASE(
    "2040 heard first: watermarks are set back when the others speak, once, and their windows are whole") {
  ColdBoot rig;
  ColdBoot clean;
  rig.read("north/d", kIn2040, 1);
  CHECK(rig.machine.books().accepted == 1);
  for (int i = 0; i < 200; ++i) {
    for (ColdBoot* each : {&rig, &clean}) {
      each->pass(1);
      each->read("north/a", i, 1);
      each->read("north/b", i, 2);
    }
  }
  rig.finish();
  clean.finish();
  CHECK(rig.machine.books().watermarks_set_back == 1);
  // The reading of 2040 has windows of its own, which are nobody else's.
  Lines of_now = in_short(rig.published);
  CHECK(std::erase_if(of_now, [](const std::string& line) { return line.contains("418989600"); }) == 2);
  CHECK(of_now == in_short(clean.published));
  CHECK(of_now.size() == 12);
}

TEST_CASE("a step from 1970 to now in mid-run closes nothing early") {
  ColdBoot rig;
  MachineRig steady(one_minute());
  for (int i = 0; i < 300; ++i) {
    for (MachineRig* each : {static_cast<MachineRig*>(&rig), &steady}) {
      each->pass(1);
      if (each == &rig && i == 130) {
        rig.trusted = true;
        rig.wall = steady.wall;
      }
      each->read("north/a", i, 1);
      each->read("south/b", i, 2);
    }
  }
  CHECK_FALSE(steady.published.empty());
  CHECK(in_short(rig.published) == in_short(steady.published));
  CHECK(rig.machine.books().accepted == 600);
}

TEST_CASE("sensors that fall silent do not hold back those that go on") {
  ColdBoot rig;
  for (int i = 0; i < 600; ++i) {
    rig.pass(1);
    rig.read("north/a", i, 1);
    if (i < 60) {
      for (int k = 0; k < 5; ++k) rig.read(fmt::format("south/s{}", k), i, 1);
    }
  }
  CHECK(rig.machine.books().accepted == 600 + 300);
}

TEST_CASE("after an outage those that come back are believed, also where most never do") {
  for (const int left : {1, 2, 4}) {
    ColdBoot rig;
    const auto speak = [&](int sensors, std::int64_t time) {
      rig.pass(1);
      for (int i = 0; i < sensors; ++i) rig.read(fmt::format("north/s{}", i), static_cast<double>(time), 1);
    };
    for (int t = 0; t < 60; ++t) speak(10, t);
    CHECK(rig.machine.books().accepted == 600);
    rig.connected = 0s;  // a new start, two hours later
    rig.wall = 100;
    for (int t = 0; t < 600; ++t) speak(left, 7200 + t);
    // Until three have spoken, or for a minute, the ones before the outage have their say.
    const std::size_t lost = rejected(rig, Reason::future);
    CHECK(lost <= static_cast<std::size_t>(left < 3 ? left * 60 : 2));
    CHECK(rig.machine.books().accepted == 600 + static_cast<std::size_t>(left) * 600 - lost);
  }
}

TEST_CASE("2040 believed for long enough to make its windows final spoils nothing of now") {
  Config config = one_minute();
  config.time.allowed_lateness = 60s;
  ColdBoot rig(config), clean(config);
  for (int i = 0; i < 2400; i += 10) {
    rig.pass(10);
    rig.read("north/d", kIn2040 + i, 1);
  }
  CHECK_FALSE(rig.published.empty());
  for (int i = 0; i < 600; i += 5) {
    for (ColdBoot* each : {&rig, &clean}) {
      each->pass(5);
      for (const char* sensor : {"north/a", "north/b", "north/c"}) each->read(sensor, i, 1);
    }
  }
  rig.finish();
  clean.finish();
  Lines of_now = in_short(rig.published);
  std::erase_if(of_now,
                [](const std::string& line) { return line.contains(" 41899") || line.contains(" 41898"); });
  std::ranges::sort(of_now);
  Lines expected = in_short(clean.published);
  std::ranges::sort(expected);
  CHECK(of_now == expected);
  CHECK(rig.machine.books().watermarks_set_back == 1);
  CHECK(rig.machine.books().refused == 0);
}

TEST_CASE("one wrong stamp of the box's own clock replaces no complete result by a part of it") {
  MachineRig rig(one_minute());
  for (int i = 0; i < 300; i += 2) rig.live("north/a", i, 1);
  rig.wall -= 3600;
  rig.read("north/a", 299 - 3600, 1);
  rig.wall += 3600;
  rig.read("north/b", 130, 1);
  for (int i = 300; i < 600; i += 2) rig.live("north/a", i, 1);
  rig.finish();
  std::map<std::string, int> counts;  // the last revision of each holds
  for (const Outgoing& message : rig.published) {
    if (!message.topic.starts_with("aggregates/net/1m/north/a/")) continue;
    const auto json = nlohmann::json::parse(message.payload);
    counts[json["start"]] = json["count"];
  }
  std::size_t whole = 0;
  for (const auto& [start, count] : counts) whole += count == 30 ? 1 : 0;
  CHECK(whole == 10);
  CHECK(rig.machine.books().watermarks_set_back == 1);
}

TEST_CASE("readings without a time of their own get the reference, not 1970") {
  ColdBoot rig;
  rig.read("north/a", 5, 1);
  CHECK(rig.machine.books().accepted == 1);
  std::vector<Output> outputs;
  rig.machine.step(
      {9, {Timestamp{101s}, "sensors/net/north/n/t", R"({"value":7})"}, journal::Kind::message, {1s, false}},
      outputs);
  CHECK(rig.machine.books().accepted == 2);
  rig.finish();
  CHECK(std::ranges::count(in_short(rig.published), "north 0-60 end_of_input r0 n2 sum8") == 1);
}

TEST_CASE("wrong clocks change nothing for others, nor for regions without them") {
  const auto run = [](bool with_wrong) {
    MachineRig rig(MachineRig::config({MachineRig::tumbling("1m", 1min, {GroupBy::sensor, GroupBy::region}),
                                       MachineRig::session("s", 20s, {GroupBy::sensor, GroupBy::region})}));
    for (std::int64_t t = 0; t < 1200; t += 5) {
      rig.live("north/a", t, 1);
      rig.live("south/b", t, 2);
      if (!with_wrong) continue;
      rig.read("north/ahead", static_cast<double>(t) + 86400, 3);
      rig.read("north/y1970", static_cast<double>(t - MachineRig::kStart), 4);
      rig.read("north/flaps", static_cast<double>(t) + (t % 2 == 0 ? 86400 : -90000 * 8), 5);
    }
    rig.finish();
    std::string bytes;
    for (const Outgoing& message : rig.published) {
      if (!message.topic.starts_with("rejected/")) bytes += message.topic + message.payload + '\n';
    }
    return bytes;
  };
  CHECK_FALSE(run(false).empty());
  CHECK(run(true) == run(false));
}
