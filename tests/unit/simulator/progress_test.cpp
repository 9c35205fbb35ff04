#include "simulator/progress.h"

#include <catch2/catch.hpp>

using namespace lookout;

TEST_CASE("progress says rate and time left") {
  CHECK(describe_progress(1200, 24000, 3) == "1200 of about 24000 readings, 400/s, about 57s left");
  CHECK(describe_progress(100, 100'000, 100) == "100 of about 100000 readings, 1/s, about 27.8h left");
  CHECK(describe_progress(1000, 61'000, 100) == "1000 of about 61000 readings, 10/s, about 100m left");
}

TEST_CASE("progress says no time left before the first reading, after the last and where there is no end") {
  CHECK(describe_progress(0, 240, 5) == "0 of about 240 readings, 0/s");
  CHECK(describe_progress(240, 240, 2) == "240 of about 240 readings, 120/s");
  CHECK(describe_progress(240, 0, 2) == "240 readings, 120/s");
}
