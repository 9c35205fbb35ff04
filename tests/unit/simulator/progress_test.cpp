#include "simulator/progress.h"

#include <catch2/catch.hpp>

using namespace lookout;

TEST_CASE("progress says rate and time left, by the clock where there is one and by the rate elsewhere") {
  CHECK(describe_progress(1200, 24000, 400, {}) == "1200 of about 24000 readings, 400/s, about 57s left");
  CHECK(describe_progress(1200, 24000, 400, 7199) == "1200 of about 24000 readings, 400/s, about 120m left");
  CHECK(describe_progress(100, 100'000, 1, {}) == "100 of about 100000 readings, 1/s, about 27.8h left");
  CHECK(describe_progress(1000, 61'000, 10, {}) == "1000 of about 61000 readings, 10/s, about 100m left");
}

TEST_CASE("progress says no time left where nobody can know, after the last, and where there is no end") {
  CHECK(describe_progress(0, 240, 0, {}) == "0 of about 240 readings, 0/s");
  CHECK(describe_progress(240, 240, 120, 5) == "240 of about 240 readings, 120/s");
  CHECK(describe_progress(240, 0, 120, {}) == "240 readings, 120/s");
}
