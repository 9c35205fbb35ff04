#include "common/clock_trust.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

bool kernel_says = true;  // a ClockTrust takes a plain function
bool kernel() { return kernel_says; }

/// Both clocks, moved by hand.
struct Rig {
  explicit Rig(ClockSetting setting) : trust(setting, kernel) { trust.look(wall, steady); }
  void pass(std::chrono::milliseconds time) {
    wall += time;
    steady += time;
  }
  bool look() { return trust.look(wall, steady); }
  bool ask() { return trust.ask(wall, steady); }

  Timestamp wall{1790000000s};
  ClockTrust::Steady::time_point steady{1000s};
  ClockTrust trust;
};

}  // namespace

TEST_CASE("under auto a step ends the trust at once, until the kernel is asked") {
  kernel_says = true;
  const auto step =
      GENERATE(Microseconds{3600s}, Microseconds{-3600s}, Microseconds{1s + 1us}, Microseconds{-1790000000s});
  Rig rig(ClockSetting::automatic);
  CHECK(rig.look());
  rig.pass(10ms);
  rig.wall += step;
  CHECK_FALSE(rig.look());
  rig.pass(10ms);
  CHECK_FALSE(rig.look());
  kernel_says = false;
  CHECK_FALSE(rig.ask());
  kernel_says = true;
  CHECK_FALSE(rig.look());
  CHECK(rig.ask());
  CHECK(rig.look());
}

TEST_CASE("a clock that is slewed, and time that passes unseen, are no steps") {
  kernel_says = true;
  Rig rig(ClockSetting::automatic);
  for (int second = 0; second < 100; ++second) {
    rig.pass(1s);
    rig.wall += 500ms;  // a thousand times what a kernel does
    CHECK(rig.look());
  }
  rig.pass(24h);
  CHECK(rig.look());
}

TEST_CASE("a leap second, which the kernel takes back or gives at once, is no step") {
  kernel_says = true;
  const auto leap = GENERATE(Microseconds{-1s}, Microseconds{1s});
  Rig rig(ClockSetting::automatic);
  rig.pass(10ms);
  rig.wall += leap;
  CHECK(rig.look());
}

TEST_CASE("what the operator says of the clock holds, whatever the clock or the kernel does") {
  for (const ClockSetting setting : {ClockSetting::trusted, ClockSetting::untrusted}) {
    kernel_says = setting == ClockSetting::untrusted;
    Rig rig(setting);
    const bool said = setting == ClockSetting::trusted;
    CHECK(rig.look() == said);
    rig.wall += 3600s;
    CHECK(rig.look() == said);
    CHECK(rig.ask() == said);
  }
}
