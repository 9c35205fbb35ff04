#include "simulator/random.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace lookout;

namespace {

constexpr std::uint64_t kDraws = 100'000;

}  // namespace

TEST_CASE("normal draws have mean 0, variance 1 and the right tails within sampling error") {
  const Random random(1);
  double sum = 0, squares = 0;
  std::uint64_t beyond_two = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double draw = random.normal(3, metric_key("temperature"), i);
    sum += draw;
    squares += draw * draw;
    if (std::abs(draw) > 2) ++beyond_two;
  }
  constexpr double kN = kDraws;
  CHECK(std::abs(sum / kN) < 5 / std::sqrt(kN));              // standard error of the mean: 1/sqrt(n)
  CHECK(std::abs(squares / kN - 1) < 5 * std::sqrt(2 / kN));  // of the variance: sqrt(2/n)
  constexpr double kShare = 0.0455002639;                     // P(|z| > 2)
  CHECK(std::abs(static_cast<double>(beyond_two) / kN - kShare) < 5 * std::sqrt(kShare * (1 - kShare) / kN));
}

TEST_CASE("neighbouring draws are not correlated") {
  const Random random(7);
  const auto key = metric_key("smoke");
  double by_time = 0, by_sensor = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    by_time += random.normal(0, key, i) * random.normal(0, key, i + 1);
    by_sensor += random.normal(0, key, i) * random.normal(1, key, i);
  }
  constexpr double kN = kDraws;
  CHECK(std::abs(by_time / kN) < 5 / std::sqrt(kN));
  CHECK(std::abs(by_sensor / kN) < 5 / std::sqrt(kN));
}

TEST_CASE("a draw depends on each part of its key and on nothing else") {
  const Random random(1);
  const auto draw = random.bits(Purpose::lose, 1, 2, 3);
  CHECK(draw == Random(1).bits(Purpose::lose, 1, 2, 3));
  CHECK(draw != Random(2).bits(Purpose::lose, 1, 2, 3));
  CHECK(draw != random.bits(Purpose::reorder, 1, 2, 3));
  CHECK(draw != random.bits(Purpose::lose, 2, 2, 3));
  CHECK(draw != random.bits(Purpose::lose, 1, 3, 3));
  CHECK(draw != random.bits(Purpose::lose, 1, 2, 4));
}

TEST_CASE("uniform draws fill 0 to 1 evenly") {
  const Random random(5);
  std::array<double, 10> bins{};
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double draw = random.uniform(Purpose::lose, 0, 0, i);
    REQUIRE(draw >= 0);
    REQUIRE(draw < 1);
    ++bins[static_cast<std::size_t>(draw * 10)];
  }
  double chi_squared = 0;
  for (const double count : bins)
    chi_squared += (count - kDraws / 10.0) * (count - kDraws / 10.0) / (kDraws / 10.0);
  CHECK(chi_squared < 33.7);  // 9 degrees of freedom: exceeded once in 10,000
}
