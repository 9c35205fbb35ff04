#include "simulator/pacer.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr double kMax = std::numeric_limits<double>::infinity();
const Timestamp kWall = Timestamp{1'790'000'000s};
const EventClock::Steady::time_point kBegin{100s};

}  // namespace

TEST_CASE("event time passes at the speed asked for") {
  const EventClock clock(kWall - 2h, 60, kBegin);
  CHECK(clock.at(kBegin, kWall) == kWall - 2h);
  CHECK(clock.at(kBegin + 1s, kWall + 1s) == kWall - 2h + 60s);
  CHECK(clock.until(kWall - 1h, kBegin, kWall) == 60s);
  CHECK(clock.until(kWall - 2h, kBegin + 1s, kWall + 1s) < 0s);
}

TEST_CASE("event time never passes the wall clock and goes on at 1x once it has caught up") {
  for (const double speed : {1.0, 60.0, 1e9, kMax}) {
    const EventClock clock(kWall - 1h, speed, kBegin);
    Timestamp before = kWall - 1h;
    for (auto elapsed = 0ms; elapsed <= 2h; elapsed += 7'001ms) {
      const Timestamp wall = kWall + elapsed;
      const Timestamp now = clock.at(kBegin + elapsed, wall);
      REQUIRE(now <= wall);
      REQUIRE(now >= before);
      before = now;
    }
    if (speed > 1) CHECK(clock.at(kBegin + 2h, kWall + 2h) == kWall + 2h);
  }
}

TEST_CASE("the wall clock bounds the wait too") {
  const EventClock clock(kWall - 1h, kMax, kBegin);
  CHECK(clock.until(kWall - 1s, kBegin, kWall) <= 0s);
  CHECK(clock.until(kWall + 5s, kBegin, kWall) == 5s);
  const EventClock fast(kWall - 1min, 60, kBegin);
  CHECK(fast.until(kWall + 5s, kBegin, kWall) == 5s);
}

TEST_CASE("waiting is over when the clock is there") {
  for (const double speed : {1.0, 3.0, 60.0, 0.1}) {
    const EventClock clock(kWall, speed, kBegin);
    const Timestamp due = kWall + 12'345ms;
    const Microseconds wait = clock.until(due, kBegin, kWall);
    CHECK(wait >= 12'345ms);
    CHECK(clock.at(kBegin + wait, kWall + wait) >= due - 1us);
    CHECK(clock.until(due, kBegin + wait, kWall + wait) <= 0us);
  }
}

TEST_CASE("a clock that starts in the future stands still at the wall clock") {
  const EventClock clock(kWall + 1h, 1, kBegin);
  CHECK(clock.at(kBegin, kWall) == kWall);
  CHECK(clock.until(kWall + 1h, kBegin, kWall) == 1h);
}

TEST_CASE("a stop ends the waiting") {
  std::stop_source stop;
  stop.request_stop();
  const EventClock clock(wall_clock_now(), 1, EventClock::Steady::now());
  CHECK_FALSE(wait_until_due(clock, wall_clock_now() + 1h, stop.get_token()));
}
