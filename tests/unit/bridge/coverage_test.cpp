#include "bridge/archive/coverage.h"

#include <catch2/catch.hpp>
#include <random>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kStart = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};

}  // namespace

TEST_CASE("times up to ten minutes apart are one stretch, in whatever order they come") {
  Coverage coverage;
  for (const auto minutes : {20min, 0min, 10min}) coverage.add(kStart + minutes);
  REQUIRE(coverage.stretches() == std::vector<Coverage::Stretch>{{kStart, kStart + 20min}});
  CHECK(coverage.may_hold(kStart + 5min));
  CHECK_FALSE(coverage.may_hold(kStart - 1us));
  CHECK_FALSE(coverage.may_hold(kStart + 20min + 1us));
}

TEST_CASE("a wrong clock does not make the rest look longer than it is") {
  Coverage coverage;
  coverage.add(kStart);
  coverage.add(Timestamp{});
  coverage.add(kStart + 1min);
  CHECK(coverage.stretches().size() == 2);
  CHECK_FALSE(coverage.may_hold(kStart - 24h));
  CHECK(coverage.may_hold(Timestamp{}));
  CHECK(coverage.may_hold(Timestamp{}, kStart - 24h));
  CHECK_FALSE(coverage.may_hold(Timestamp{1us}, kStart - 24h));
}

TEST_CASE("whatever is added is held, and the stretches stay few, apart and in order") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    Coverage coverage;
    std::vector<Timestamp> times;
    const auto span = std::uniform_int_distribution<std::int64_t>(1, 40'000'000)(random);
    for (int i = 0; i < 300; ++i) {
      const auto second = std::uniform_int_distribution<std::int64_t>(-span, span)(random);
      times.push_back(kStart + std::chrono::seconds{second});
      coverage.add(times.back());
    }
    const auto& stretches = coverage.stretches();
    REQUIRE(stretches.size() <= Coverage::kMost);
    for (const Timestamp time : times) REQUIRE(coverage.may_hold(time));
    for (std::size_t i = 0; i < stretches.size(); ++i) {
      REQUIRE(stretches[i].from <= stretches[i].to);
      if (i > 0) REQUIRE(stretches[i - 1].to + 10min < stretches[i].from);
    }
  }
}
