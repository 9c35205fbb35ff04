#include "simulator/fleet.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

const Timestamp kStart = Timestamp{1'767'225'600s};  // 2026-01-01T00:00:00Z

std::vector<Sample> all(const Scenario& scenario, Form form = Form::one_metric, std::uint64_t seed = 1) {
  Fleet fleet(scenario, kStart, form, seed);
  std::vector<Sample> samples;
  for (Sample sample; fleet.next(sample);) samples.push_back(sample);
  return samples;
}

}  // namespace

TEST_CASE("figure-6.1 is 240 readings, 30 s apart, raised by 25 degrees in minutes 75 to 90 and no others") {
  Scenario calm = preset("figure-6.1");
  calm.fires.clear();
  const auto with_fire = all(preset("figure-6.1"));
  const auto without = all(calm);
  REQUIRE(with_fire.size() == 240);
  REQUIRE(without.size() == 240);
  for (std::size_t i = 0; i < 240; ++i) {
    REQUIRE(with_fire[i].event_time == kStart + i * 30s);
    REQUIRE(with_fire[i].seq == i);
    const double rise = with_fire[i].values.at(0).number - without[i].values.at(0).number;
    REQUIRE(rise == Approx(i >= 150 && i < 180 ? 25.0 : 0.0).margin(0.011));
  }
}

TEST_CASE("wildfire deals 50 sensors over 5 regions in turn") {
  const Catalogue catalogue = make_catalogue(preset("wildfire"), 1);
  REQUIRE(catalogue.sensors.size() == 50);
  CHECK(catalogue.sensors[0].name == "sensor-000");
  CHECK(catalogue.sensors[0].region == "north");
  CHECK(catalogue.sensors[1].region == "south");
  CHECK(catalogue.sensors[4].region == "central");
  CHECK(catalogue.sensors[5].region == "north");
  CHECK(catalogue.sensors[49].name == "sensor-049");
  std::map<std::string, int> dealt;
  for (const auto& sensor : catalogue.sensors) ++dealt[sensor.region];
  for (const auto& [region, count] : dealt) CHECK(count == 10);
}

TEST_CASE("wildfire burns in north from 3600 s to 4500 s of every 7200 s") {
  Scenario burning = preset("wildfire");
  burning.duration = 4h;
  burning.interval = 5min;
  Scenario calm = burning;
  calm.fires.clear();
  const auto with_fire = all(burning, Form::combined);
  const auto without = all(calm, Form::combined);
  REQUIRE(with_fire.size() == 2400);
  for (std::size_t i = 0; i < with_fire.size(); ++i) {
    const auto second =
        std::chrono::floor<std::chrono::seconds>(with_fire[i].event_time - kStart).count() % 7200;
    const bool burns = with_fire[i].sensor % 5 == 0 && second >= 3600 && second < 4500;
    const auto rise = [&](std::size_t metric) {
      return with_fire[i].values[metric].number - without[i].values[metric].number;
    };
    REQUIRE(rise(0) == Approx(burns ? 25.0 : 0.0).margin(0.011));
    REQUIRE(rise(1) == Approx(burns ? 20.0 : 0.0).margin(0.011));
  }
}

TEST_CASE("sensor names grow wider only over 1000 sensors") {
  CHECK(sensor_name(7, 10) == "sensor-007");
  CHECK(sensor_name(999, 1000) == "sensor-999");
  CHECK(sensor_name(7, 1001) == "sensor-0007");
  CHECK(sensor_name(7, 100'000) == "sensor-00007");
}

TEST_CASE("sensors are staggered evenly within the interval, in order of time") {
  Scenario scenario = preset("");
  scenario.sensors = 4;
  scenario.interval = 10s;
  scenario.duration = 25s;
  scenario.metrics.resize(1);
  std::vector<std::int64_t> instants;
  std::vector<std::uint64_t> seqs;
  for (const Sample& sample : all(scenario)) {
    instants.push_back((sample.event_time - kStart) / 1ms);
    seqs.push_back(sample.seq);
  }
  CHECK(instants == std::vector<std::int64_t>{0, 2500, 5000, 7500, 10000, 12500, 15000, 17500, 20000, 22500});
  CHECK(seqs == std::vector<std::uint64_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2});
}

TEST_CASE("event times are whole milliseconds and never step back") {
  Scenario scenario = preset("");
  scenario.sensors = 7;
  scenario.interval = 1s;
  scenario.duration = 1min;
  Timestamp before = kStart;
  for (const Sample& sample : all(scenario)) {
    REQUIRE(sample.event_time.time_since_epoch() % 1ms == 0us);
    REQUIRE(sample.event_time >= before);
    before = sample.event_time;
  }
}

TEST_CASE("all metrics of one instant share its seq, and combining changes no value") {
  Scenario scenario = preset("wildfire");
  scenario.duration = 2min;
  const auto single = all(scenario);
  const auto combined = all(scenario, Form::combined);
  REQUIRE(single.size() == 2 * combined.size());
  for (std::size_t i = 0; i < combined.size(); ++i) {
    REQUIRE(combined[i].values.size() == 2);
    for (std::size_t metric = 0; metric < 2; ++metric) {
      const Sample& one = single[2 * i + metric];
      REQUIRE(one.seq == combined[i].seq);
      REQUIRE(one.values.at(0).metric == metric);
      REQUIRE(one.values.at(0).number == combined[i].values[metric].number);
    }
  }
}

TEST_CASE("a fleet that never ends goes on after the duration with the same values before") {
  Scenario scenario = preset("figure-6.1");
  const auto finite = all(scenario);
  Fleet fleet(scenario, kStart, Form::one_metric, 1);
  fleet.never_end();
  Sample sample;
  for (std::size_t i = 0; i < 1000; ++i) {
    REQUIRE(fleet.next(sample));
    REQUIRE(sample.seq == i);
    if (i < finite.size()) REQUIRE(sample.values.at(0).number == finite[i].values.at(0).number);
  }
}

TEST_CASE("the boot id follows from the seed") {
  std::set<std::uint16_t> boots;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    REQUIRE(make_boot(seed) == make_boot(seed));
    REQUIRE(make_catalogue(preset(""), seed).boot == make_boot(seed));
    boots.insert(make_boot(seed));
  }
  CHECK(boots.size() > 15);
}
