#include "common/running_mark.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a program whose machine went down under it is told at its next start, and no other") {
  const TempFolder folder;
  const RunningMark first(folder.path(), "boot-1");
  CHECK(!first.was_cut());
  REQUIRE(first.set());
  CHECK(!RunningMark(folder.path(), "boot-1").was_cut());  // killed
  CHECK(!RunningMark(folder.path(), "").was_cut());        // a kernel that tells nothing
  CHECK(RunningMark(folder.path(), "boot-2").was_cut());
  first.clear();
  CHECK(!RunningMark(folder.path(), "boot-2").was_cut());  // an orderly end
}

TEST_CASE("the kernel of this machine tells its boot") {
  const TempFolder folder;
  REQUIRE(RunningMark(folder.path()).set());
  CHECK(!slurp(folder / "running").empty());
  CHECK(!RunningMark(folder.path()).was_cut());
}
