#include "simulator/fault_scope.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

std::set<std::uint32_t> hit(const FaultScope& scope, std::size_t sensors, std::uint64_t seed = 1,
                            Purpose purpose = Purpose::clock_sensors, std::size_t number = 0) {
  Scenario scenario = preset("");
  scenario.sensors = sensors;
  const Catalogue catalogue = make_catalogue(scenario, seed);
  const Affected affected(scope, {catalogue, kStart, Random(seed)}, purpose, number);
  std::set<std::uint32_t> found;
  for (std::uint32_t i = 0; i < sensors; ++i) {
    if (affected.hits(i)) found.insert(i);
  }
  return found;
}

}  // namespace

TEST_CASE("a fault hits the sensor or the region named, or all") {
  CHECK(hit({.sensor = "sensor-003"}, 12) == std::set<std::uint32_t>{3});
  CHECK(hit({.region = "south"}, 12) == std::set<std::uint32_t>{1, 6, 11});
  CHECK(hit({}, 12).size() == 12);
}

TEST_CASE("a share of sensors is exact, and of few sensors one at least") {
  CHECK(hit({.share = 0.1}, 50).size() == 5);
  CHECK(hit({.share = 0.1}, 1000).size() == 100);
  CHECK(hit({.share = 0.1}, 3).size() == 1);
  CHECK(hit({.share = 1.0}, 50).size() == 50);
}

TEST_CASE("which sensors a share is follows from the seed, the kind and the number of the fault") {
  const FaultScope scope{.share = 0.1};
  const auto first = hit(scope, 1000);
  CHECK(first == hit(scope, 1000));
  CHECK(first != hit(scope, 1000, 2));
  CHECK(first != hit(scope, 1000, 1, Purpose::stuck_sensors));
  CHECK(first != hit(scope, 1000, 1, Purpose::clock_sensors, 1));
}

TEST_CASE("the sensors of a share are spread over all of them") {
  std::size_t in_first_half = 0;
  for (const std::uint32_t sensor : hit({.share = 0.2}, 10'000)) in_first_half += sensor < 5000;
  check_share(in_first_half, 2000, 0.5);
}

TEST_CASE("a fault lasts from its start for its duration, and again") {
  const Catalogue catalogue = make_catalogue(pair_of_sensors(), 1);
  const Field field{catalogue, kStart, Random(1)};
  const auto since = [&](const FaultScope& scope, Microseconds when) {
    return Affected(scope, field, Purpose::stuck_sensors, 0).since(1, kStart + when);
  };
  const FaultScope forever{.start = 10s};
  CHECK_FALSE(since(forever, 9s));
  CHECK(since(forever, 10s) == 0s);
  CHECK(since(forever, 1h) == 3590s);
  const FaultScope again{.start = 10s, .duration = 20s, .every = 100s};
  CHECK_FALSE(since(again, 9s));
  CHECK(since(again, 29s) == 19s);
  CHECK_FALSE(since(again, 30s));
  CHECK_FALSE(since(again, 109s));
  CHECK(since(again, 110s) == 0s);
  CHECK(since(again, 1029s) == 19s);
  CHECK_FALSE(since({.sensor = "sensor-000"}, 10s));
}

TEST_CASE("a fault counts how often it has begun and says when it does next") {
  const Catalogue catalogue = make_catalogue(pair_of_sensors(), 1);
  const Field field{catalogue, kStart, Random(1)};
  const Affected once({.start = 10s}, field, Purpose::stuck_sensors, 0);
  const Affected again({.region = "b", .start = 10s, .every = 100s}, field, Purpose::stuck_sensors, 0);
  CHECK(once.begun(0, kStart + 9s) == 0);
  CHECK(once.begun(0, kStart + 10s) == 1);
  CHECK(once.begun(0, kStart + 1h) == 1);
  CHECK(once.next_start(0, kStart + 9s) == kStart + 10s);
  CHECK(once.next_start(0, kStart + 10s) == Timestamp::max());
  CHECK(again.begun(0, kStart + 1h) == 0);
  CHECK(again.begun(1, kStart + 109s) == 1);
  CHECK(again.begun(1, kStart + 110s) == 2);
  CHECK(again.next_start(0, kStart) == Timestamp::max());
  CHECK(again.next_start(1, kStart + 10s) == kStart + 110s);
}
