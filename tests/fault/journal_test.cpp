#include <catch2/catch.hpp>

#include "common/journal_reader.h"
#include "tests/support/temp_folder.h"

using namespace lookout;

// Found by fuzz-journal; seen under the address sanitizer.
TEST_CASE("a segment that ends in the middle of a record's length is scanned within its bounds", "[.]") {
  const test::TempFolder folder;
  const auto file = journal::segment_path(folder.path(), 7);
  test::spit(file, journal::encode_header(7) + "x");
  const auto scanned = scan_segment(file, 7);
  REQUIRE(scanned.has_value());
  CHECK(scanned->torn_bytes == 1);
  CHECK_FALSE(scanned->more_behind);
}
