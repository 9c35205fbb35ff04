#include "common/speed.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace lookout;

TEST_CASE("a speed is a factor with x, or max") {
  CHECK(parse_speed("1x").value() == 1);
  CHECK(parse_speed("60x").value() == 60);
  CHECK(parse_speed("0.5x").value() == 0.5);
  CHECK(std::isinf(parse_speed("max").value()));
  for (const char* text : {"", "x", "1", "0x", "-1x", "infx", "nanx", "1xx", "fast"}) {
    CHECK_THAT(parse_speed(text).error(), Catch::Contains("accepted are 1x, 60x"));
  }
}
