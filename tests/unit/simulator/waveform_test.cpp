#include "simulator/waveform.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

// Without noise, so that what is left is the fire alone.
Scenario quiet(std::size_t sensors) {
  Scenario scenario;
  scenario.sensors = sensors;
  scenario.regions = {"north", "south"};
  scenario.metrics = {{"temperature", "Cel", 20, 0, std::nullopt}, {"smoke", "ug/m3", 5, 0, 0}};
  return scenario;
}

Fire fire_of(Microseconds start, Microseconds duration) {
  Fire fire;
  fire.start = start;
  fire.duration = duration;
  fire.rise = {{"temperature", 30}};
  return fire;
}

}  // namespace

TEST_CASE("a fire raises the metric it names from its start up to, not including, its end") {
  Scenario scenario = quiet(1);
  scenario.fires = {fire_of(60s, 30s)};
  const Waveform wave(scenario, 1);
  CHECK(wave.at(0, 0, 0, 59'999ms) == 20);
  CHECK(wave.at(0, 0, 0, 60s) == 50);
  CHECK(wave.at(0, 0, 0, 89'999ms) == 50);
  CHECK(wave.at(0, 0, 0, 90s) == 20);
  CHECK(wave.at(0, 1, 0, 70s) == 5);
}

TEST_CASE("a fire with a ramp rises in a straight line") {
  Scenario scenario = quiet(1);
  scenario.fires = {fire_of(60s, 60s)};
  scenario.fires[0].ramp = 20s;
  const Waveform wave(scenario, 1);
  CHECK(wave.at(0, 0, 0, 60s) == 20);
  CHECK(wave.at(0, 0, 0, 65s) == 27.5);
  CHECK(wave.at(0, 0, 0, 70s) == 35);
  CHECK(wave.at(0, 0, 0, 80s) == 50);
  CHECK(wave.at(0, 0, 0, 119s) == 50);
}

TEST_CASE("a fire spreads through its region in the order in which the sensors were dealt") {
  Scenario scenario = quiet(5);  // 0, 2 and 4 are in north
  scenario.fires = {fire_of(60s, 30s)};
  scenario.fires[0].region = "north";
  scenario.fires[0].spread = 10s;
  const Waveform wave(scenario, 1);
  const auto burns = [&](std::size_t sensor, Microseconds time) { return wave.at(sensor, 0, 0, time) == 50; };
  CHECK((burns(0, 60s) && burns(0, 89s) && !burns(0, 90s)));
  CHECK((!burns(2, 69s) && burns(2, 70s) && burns(2, 99s) && !burns(2, 100s)));
  CHECK((!burns(4, 79s) && burns(4, 80s) && burns(4, 109s) && !burns(4, 110s)));
  CHECK((!burns(1, 70s) && !burns(3, 80s)));
}

TEST_CASE("a fire can burn one sensor, and burn again") {
  Scenario scenario = quiet(3);
  scenario.fires = {fire_of(60s, 30s)};
  scenario.fires[0].sensor = "sensor-001";
  scenario.fires[0].every = 100s;
  const Waveform wave(scenario, 1);
  CHECK(wave.at(1, 0, 0, 75s) == 50);
  CHECK(wave.at(1, 0, 0, 100s) == 20);
  CHECK(wave.at(1, 0, 0, 160s) == 50);
  CHECK(wave.at(1, 0, 0, 189s) == 50);
  CHECK(wave.at(1, 0, 0, 190s) == 20);
  CHECK(wave.at(0, 0, 0, 75s) == 20);
}

TEST_CASE("fires add up") {
  Scenario scenario = quiet(1);
  scenario.fires = {fire_of(0s, 60s), fire_of(30s, 60s)};
  CHECK(Waveform(scenario, 1).at(0, 0, 0, 45s) == 80);
}

TEST_CASE("the noise has the mean and the sigma asked for, within sampling error") {
  Scenario scenario = quiet(1);
  scenario.metrics = {{"temperature", "Cel", 22, 2, std::nullopt}};
  const Waveform wave(scenario, 99);
  constexpr int kN = 50'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kN; ++i) {
    const double value = wave.at(0, 0, static_cast<std::uint64_t>(i), 0s);
    sum += value;
    squares += (value - 22) * (value - 22);
  }
  CHECK(std::abs(sum / kN - 22) < 5 * 2 / std::sqrt(kN));
  CHECK(std::abs(std::sqrt(squares / kN) - 2) < 5 * 2 / std::sqrt(2.0 * kN));
}

TEST_CASE("a metric with a minimum never falls below it, and values have 2 decimals") {
  Scenario scenario = quiet(1);
  scenario.metrics = {{"smoke", "ug/m3", 0.5, 1.5, 0}};
  const Waveform wave(scenario, 1);
  int at_minimum = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const double value = wave.at(0, 0, i, 0s);
    REQUIRE(value >= 0);
    REQUIRE_FALSE(std::signbit(value));
    REQUIRE(std::abs(value * 100 - std::round(value * 100)) < 1e-9);
    if (value == 0) ++at_minimum;
  }
  CHECK(at_minimum > 200);  // P(z < -1/3) is 0.37
}

TEST_CASE("a metric's values do not depend on which metrics are beside it") {
  Scenario both = preset("");
  Scenario alone = both;
  alone.metrics = {both.metrics[1]};
  CHECK(Waveform(both, 4).at(7, 1, 12, 6min) == Waveform(alone, 4).at(7, 0, 12, 6min));
}
