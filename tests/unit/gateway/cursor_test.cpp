#include "gateway/cursor.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a cursor is read back, a missing or damaged one is the beginning") {
  const TempFolder folder;
  const auto file = folder / "cursor";
  CHECK(load_cursor(file) == Cursor{});
  REQUIRE(save_cursor(file, {12345678901234, 7}).has_value());
  CHECK(load_cursor(file) == Cursor{12345678901234, 7});
  spit(file, "");
  CHECK(load_cursor(file) == Cursor{});
  spit(file, "x y");
  CHECK(load_cursor(file) == Cursor{});
}

TEST_CASE("a cursor that cannot be saved says where") {
  const auto saved = save_cursor("/nonexistent/cursor", {});
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().find("/nonexistent/cursor") != std::string::npos);
}
