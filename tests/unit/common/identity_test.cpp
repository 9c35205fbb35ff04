#include "common/identity.h"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

using namespace lookout;
using namespace std::chrono_literals;

TEST_CASE("a reading is the same only when everything that the sensor gave is the same") {
  const Identity series = hash_series("n", "r", "s", "m");
  const Timestamp time{1790000000s};
  const std::vector<std::optional<Identity>> different{
      identify(series, time, 1.0, 5, "a"),
      identify(hash_series("n", "r", "s", "m2"), time, 1.0, 5, "a"),
      identify(hash_series("n", "rs", "", "m"), time, 1.0, 5, "a"),
      identify(series, time + 1us, 1.0, 5, "a"),
      identify(series, time, 1.5, 5, "a"),
      identify(series, time, 1.0, 6, "a"),
      identify(series, time, 1.0, 5, "b"),
      identify(series, time, 1.0, 5, ""),
      identify(series, time, 1.0, std::nullopt, "a"),
      identify(series, time, 1.0, 0, ""),
      identify(series, time, 1.0, std::nullopt, ""),
      identify(series, std::nullopt, 1.0, 5, "a")};
  std::set<Identity> distinct;
  for (const auto& identity : different) {
    REQUIRE(identity.has_value());
    distinct.insert(*identity);
  }
  CHECK(distinct.size() == different.size());
  CHECK(identify(series, time, 1.0, 5, "a") == different.front());
}

TEST_CASE("without an event time, seq and boot must both be there") {
  const Identity series = hash_series("n", "r", "s", "m");
  CHECK_FALSE(identify(series, std::nullopt, 1.0, 5, "").has_value());
  CHECK_FALSE(identify(series, std::nullopt, 1.0, std::nullopt, "a").has_value());
  CHECK(identify(series, std::nullopt, 1.0, 5, "a").has_value());
}

TEST_CASE("minus zero is zero") {
  const Identity series = hash_series("n", "r", "s", "m");
  CHECK(identify(series, Timestamp{1s}, 0.0, std::nullopt, "") ==
        identify(series, Timestamp{1s}, -0.0, std::nullopt, ""));
}
