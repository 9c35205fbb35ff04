#include "common/running_mark.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a program whose machine went down under it is told at its next start, and no other") {
  const TempFolder folder;
  RunningMark first(folder.path(), "boot-1");
  CHECK(!first.was_cut());
  REQUIRE(first.set());
  CHECK(!RunningMark(folder.path(), "boot-1").was_cut());  // killed
  CHECK(!RunningMark(folder.path(), "").was_cut());        // a kernel that tells nothing
  CHECK(RunningMark(folder.path(), "boot-2").was_cut());
  first.clear();
  CHECK(!RunningMark(folder.path(), "boot-2").was_cut());  // an orderly end
}

TEST_CASE("where a disk has no room for another file the mark of the program before serves") {
  const TempFolder folder;
  const auto in_the_way = folder / "running.new";
  SECTION("of an earlier boot") {
    REQUIRE(RunningMark(folder.path(), "boot-1").set());
    std::filesystem::create_directory(in_the_way);
    RunningMark mark(folder.path(), "boot-two");
    CHECK(mark.was_cut());
    CHECK(!mark.is_set());
    REQUIRE(mark.set());
    CHECK(mark.is_set());
    CHECK(!RunningMark(folder.path(), "boot-two").was_cut());
    CHECK(RunningMark(folder.path(), "boot-1").was_cut());
  }
  SECTION("of this boot") {
    REQUIRE(RunningMark(folder.path(), "boot-1").set());
    std::filesystem::create_directory(in_the_way);
    CHECK(RunningMark(folder.path(), "boot-1").is_set());
    CHECK(RunningMark(folder.path(), "boot-2").was_cut());
  }
  SECTION("there is none: later, when there is room") {
    std::filesystem::create_directory(in_the_way);
    RunningMark mark(folder.path(), "boot-1");
    CHECK(!mark.set());
    CHECK(!mark.is_set());
    std::filesystem::remove(in_the_way);
    CHECK(mark.set());
    CHECK(RunningMark(folder.path(), "boot-2").was_cut());
  }
}

TEST_CASE("the kernel of this machine tells its boot") {
  const TempFolder folder;
  REQUIRE(RunningMark(folder.path()).set());
  CHECK(!slurp(folder / "running").empty());
  CHECK(!RunningMark(folder.path()).was_cut());
}
