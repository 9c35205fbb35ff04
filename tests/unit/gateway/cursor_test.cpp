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

TEST_CASE(
    "a cursor that was not saved whole gives the one before, and is saved where there is no more room") {
  const TempFolder folder;
  const auto file = folder / "cursor";
  for (std::uint64_t offset = 1; offset <= 5; ++offset) REQUIRE(save_cursor(file, {offset * 1000, offset}));
  CHECK(std::filesystem::file_size(file) == 1024);
  const std::string whole = slurp(file);
  // The last one went to the first place.
  for (const std::size_t at : {0, 5, 9, 20}) {
    std::string torn = whole;
    torn[at] = static_cast<char>(torn[at] ^ 1);
    spit(file, torn);
    CHECK(load_cursor(file) == Cursor{4000, 4});
  }
  REQUIRE(save_cursor(file, {6000, 6}));
  CHECK(load_cursor(file) == Cursor{6000, 6});
}

TEST_CASE("a cursor that cannot be saved says where") {
  const auto saved = save_cursor("/nonexistent/cursor", {});
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().find("/nonexistent/cursor") != std::string::npos);
}
