#include "simulator/sensor_clocks.h"

#include <catch2/catch.hpp>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Reported {
  Timestamp truth, time;  // what the clock should have said, and what it did
};

// In order, of one sensor. A message is due at the true time.
std::vector<Reported> reported(const std::vector<Fault>& faults, std::uint32_t sensor = 1) {
  Scenario scenario = pair_of_sensors();
  scenario.duration = 6h;
  FaultOptions options;
  options.faults = faults;
  std::vector<Reported> list;
  Timestamp truth = kStart + sensor * 5s;
  for (const Message& message : messages_of(run_faults(scenario, options), sensor)) {
    REQUIRE(message.due == truth);
    REQUIRE(message.sample.event_time.time_since_epoch() % 1ms == 0us);
    list.push_back({truth, message.sample.event_time});
    truth += 10s;
  }
  REQUIRE(list.size() == 2160);
  return list;
}

WrongClock offset_by(Microseconds offset, FaultScope scope = {.region = "b"}) {
  return {.scope = std::move(scope), .offset = offset};
}

}  // namespace

TEST_CASE("a clock ahead or behind is that by the offset, of the sensors named and no others") {
  for (const Microseconds offset : {Microseconds{24h}, Microseconds{-2h}}) {
    for (const auto& [truth, time] : reported({offset_by(offset)})) REQUIRE(time == truth + offset);
    for (const auto& [truth, time] : reported({offset_by(offset)}, 0)) REQUIRE(time == truth);
  }
}

TEST_CASE("a clock is wrong from the start of the fault for its duration") {
  const FaultScope scope{.sensor = "sensor-001", .start = 1h, .duration = 2h};
  for (const auto& [truth, time] : reported({offset_by(1min, scope)})) {
    const bool wrong = truth >= kStart + 1h && truth < kStart + 3h;
    REQUIRE(time == truth + (wrong ? 1min : 0min));
  }
}

TEST_CASE("a clock that was reset goes on from 1970") {
  for (const auto& [truth, time] : reported({WrongClock{.scope = {.start = 1h}, .reset = true}})) {
    const Microseconds since = truth - (kStart + 1h);
    REQUIRE(time == (since < 0s ? truth : Timestamp{} + since));
  }
}

TEST_CASE("a drifting clock gains so many seconds per day since the start, or loses them") {
  for (const double drift : {50.0, -3.7, -86'400.0}) {
    for (const auto& [truth, time] : reported({WrongClock{.scope = {.start = 1h}, .drift = drift}})) {
      const double elapsed = std::max(0.0, std::chrono::duration<double>(truth - (kStart + 1h)).count());
      const double error = std::chrono::duration<double>(time - truth).count();
      REQUIRE(error <= elapsed * drift / 86'400 + 1e-6);
      REQUIRE(error > elapsed * drift / 86'400 - 0.001 - 1e-6);  // cut to milliseconds
    }
  }
}

TEST_CASE("a flapping clock is wrong and right in turn") {
  const WrongClock flapping{.scope = {.start = 1h}, .offset = 10min, .flap = 60s};
  for (const auto& [truth, time] : reported({flapping})) {
    const std::int64_t minute = (truth - kStart) / 1min;
    REQUIRE(time == truth + (minute >= 60 && minute % 2 == 0 ? 10min : 0min));
  }
}

TEST_CASE("errors of a clock add up") {
  for (const auto& [truth, time] : reported({offset_by(1h), offset_by(-1min)}))
    REQUIRE(time == truth + 59min);
}
