#include "simulator/plan.h"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr double kMax = std::numeric_limits<double>::infinity();
const Timestamp kNow = Timestamp{1'790'000'123'456'789us};  // 2026-09-21T14:15:23.456789Z

Sample first_sample(const Plan& plan) {
  Sample sample;
  REQUIRE(plan.source(sample));
  return sample;
}

std::vector<Timestamp> event_times(const Plan& plan) {
  std::vector<Timestamp> times;
  for (Sample sample; plan.source(sample);) times.push_back(sample.event_time);
  return times;
}

}  // namespace

TEST_CASE("a preset starts on a 5 minute window's edge, before now less its duration") {
  RunOptions options;
  options.preset = "figure-6.1";
  options.send.speed = kMax;
  const Timestamp start = first_sample(plan_run(options, kNow).value()).event_time;
  CHECK(start == Timestamp{1'789'992'900s});  // 12:15:00, and now less 2 h is 12:15:23
}

TEST_CASE("at 1x a preset's clock shows the present, and its data starts on the window's edge") {
  RunOptions options;
  options.preset = "wildfire";
  const Plan plan = plan_run(options, kNow).value();
  CHECK(plan.clock_start == kNow);
  CHECK(first_sample(plan).event_time == Timestamp{1'790'000'100s});
}

TEST_CASE("without a preset the start is now at 1x, else now less the duration") {
  RunOptions options;
  CHECK(first_sample(plan_run(options, kNow).value()).event_time == Timestamp{1'790'000'123'456ms});
  options.send.speed = 60;
  options.duration = 1h;
  CHECK(first_sample(plan_run(options, kNow).value()).event_time == Timestamp{1'790'000'123'456ms} - 1h);
}

TEST_CASE("a start that was asked for is taken as it is") {
  RunOptions options;
  options.preset = "wildfire";
  options.start = Timestamp{1'790'000'001s};
  CHECK(first_sample(plan_run(options, kNow).value()).event_time == Timestamp{1'790'000'001s});
  options.send.dry_run = true;
  CHECK(first_sample(plan_run(options, kNow).value()).event_time == Timestamp{1'790'000'001s});
}

TEST_CASE("a dry run starts at 2026-01-01") {
  RunOptions options;
  options.send.dry_run = true;
  CHECK(first_sample(plan_run(options, kNow).value()).event_time == Timestamp{1'767'225'600s});
}

TEST_CASE("options win over the preset, whose fires stay and move with regions and metrics") {
  RunOptions options;
  options.preset = "wildfire";
  options.network = "hills";
  options.sensors = 2;
  options.regions = {"up", "down"};
  options.metrics = {{"temperature", "Cel", 10, 0, std::nullopt}};
  options.interval = 3600s;
  options.duration = 7200s;
  options.send.dry_run = true;
  const Plan plan = plan_run(options, kNow).value();
  CHECK(plan.catalogue.network == "hills");
  CHECK(plan.catalogue.sensors[1].region == "down");
  CHECK(plan.expected == 4);
  std::vector<double> values;
  for (Sample sample; plan.source(sample);) values.push_back(sample.values.at(0).number);
  CHECK(values == std::vector<double>{10, 10, 35, 10});  // up at 0, down, up at 3600 s, down
}

TEST_CASE("fires are added to the preset's") {
  RunOptions options;
  options.preset = "figure-6.1";
  options.metrics = {{"temperature", "Cel", 10, 0, std::nullopt}};
  Fire fire;
  fire.start = 0s;
  fire.duration = 60s;
  fire.rise = {{"temperature", 5}};
  options.fires = {fire};
  const Plan plan = plan_run(options, kNow).value();
  std::vector<double> values;
  for (Sample sample; plan.source(sample);) values.push_back(sample.values.at(0).number);
  REQUIRE(values.size() == 240);
  CHECK(values[0] == 15);
  CHECK(values[1] == 15);
  CHECK(values[2] == 10);
  CHECK(values[150] == 35);
}

TEST_CASE("what contradicts itself is refused with what is accepted") {
  const auto error = [](auto change) {
    RunOptions options;
    change(options);
    return plan_run(options, kNow).error();
  };
  Fire fire;
  fire.rise = {{"temperature", 5}};
  CHECK_THAT(error([&](RunOptions& options) {
               fire.region = "nort";
               options.fires = {fire};
             }),
             Catch::Contains("the regions are north, south, east, west, central"));
  fire.region.clear();
  CHECK_THAT(error([&](RunOptions& options) {
               fire.sensor = "sensor-050";
               options.fires = {fire};
             }),
             Catch::Contains("the sensors are sensor-000 to sensor-049"));
  fire.sensor.clear();
  CHECK_THAT(error([&](RunOptions& options) {
               fire.rise = {{"humidity", 5}};
               options.fires = {fire};
             }),
             Catch::Contains("the metrics temperature, smoke"));
  CHECK_THAT(error([](RunOptions& options) { options.regions = {"a", "a"}; }),
             Catch::Contains("named twice"));
  CHECK_THAT(error([](RunOptions& options) { options.regions = {"a/b"}; }),
             Catch::Contains("a name is 1 to 64"));
  CHECK_THAT(error([](RunOptions& options) { options.duration = 0s; }), Catch::Contains("1ms and more"));
  CHECK_THAT(error([](RunOptions& options) { options.interval = 0s; }), Catch::Contains("1ms and more"));
}

TEST_CASE("faults that name what is not there or contradict each other are refused with what is accepted") {
  const auto error = [](std::vector<Fault> faults) {
    RunOptions options;
    options.send.faults.faults = std::move(faults);
    return plan_run(options, kNow).error();
  };
  CHECK_THAT(error({Spike{1, 1, "x"}}), Catch::Contains("the metrics are temperature, smoke"));
  CHECK_THAT(error({StuckValue{{}, "x"}}), Catch::Contains("the metrics are temperature, smoke"));
  const FaultScope region{.region = "nort", .start = 1h, .duration = 1h};
  const FaultScope sensor{.sensor = "sensor-050", .start = 1h, .duration = 1h};
  CHECK_THAT(error({Outage{region}}), Catch::Contains("central, east, north, south, west"));
  CHECK_THAT(error({Outage{sensor}}), Catch::Contains("the sensors are sensor-000 to sensor-049"));
  CHECK_THAT(error({WrongClock{region}}), Catch::Contains("nort"));
  CHECK_THAT(error({StuckValue{sensor}}), Catch::Contains("sensor-050"));
  CHECK_THAT(error({Reboot{sensor}}), Catch::Contains("sensor-050"));
  const Delay delay{{{1, 1h}}};
  CHECK_THAT(error({delay, delay}), Catch::Contains("accepted is one"));
  const Outage north{{.region = "north", .duration = 1h, .every = 2h}};
  const Outage one{{.sensor = "sensor-005", .start = 1h, .duration = 1h, .every = 2h}};
  CHECK_THAT(error({north, one}), Catch::Contains("hit sensor-005: accepted is one for each sensor"));
}

TEST_CASE("times of faults count from the first reading, in a run and of a table") {
  RunOptions run;
  run.preset = "wildfire";
  CHECK(plan_run(run, kNow)->data_start == Timestamp{1'790'000'100s});  // on the window's edge
  const TempFolder folder;
  spit(folder / "t.csv", "t,a\n-5,1\n10,3\n");
  PlayOptions play;
  play.recording.file = folder / "t.csv";
  play.time_zero = Timestamp{100s};
  CHECK(plan_play(play, kNow)->data_start == Timestamp{95s});
  play.send.faults.faults = {StuckValue{{.sensor = "b"}}};
  CHECK_THAT(plan_play(play, kNow).error(), Catch::Contains("no such sensor"));
}

TEST_CASE("a played table begins now at 1x and ends now at any other speed, unless its zero is given") {
  const TempFolder folder;
  spit(folder / "t.csv", "t,a\n-5,1\n0,2\n10,3\n");
  PlayOptions options;
  options.recording.file = folder / "t.csv";
  const Timestamp now{1'790'000'123'456ms};
  CHECK(event_times(plan_play(options, kNow).value()) == std::vector<Timestamp>{now, now + 5s, now + 15s});
  options.send.speed = 60;
  const Plan plan = plan_play(options, kNow).value();
  CHECK(plan.clock_start == now - 15s);
  CHECK(plan.clock_end == now);
  CHECK(event_times(plan) == std::vector<Timestamp>{now - 15s, now - 10s, now});
  options.time_zero = Timestamp{100s};
  CHECK(event_times(plan_play(options, kNow).value()) ==
        std::vector<Timestamp>{Timestamp{95s}, Timestamp{100s}, Timestamp{110s}});
}

TEST_CASE("a dry run plays a table from 2026-01-01 on") {
  const TempFolder folder;
  spit(folder / "t.csv", "t,a\n-5,1\n10,3\n");
  PlayOptions options;
  options.recording.file = folder / "t.csv";
  options.send.dry_run = true;
  CHECK(event_times(plan_play(options, kNow).value()) ==
        std::vector<Timestamp>{Timestamp{1'767'225'600s}, Timestamp{1'767'225'615s}});
}
