#include <catch2/catch.hpp>

#include "bridge/stats.h"
#include "bridge/status_command.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const Timestamp kThen = *parse_rfc3339("2026-11-22T11:20:00Z");

std::string figures(std::uint64_t lag, const ArchiveState& archive = {}) {
  return render_stats(kThen, {}, {.lag_records = lag}, archive, {});
}

}  // namespace

TEST_CASE("the archive is relied on where the bridge runs, takes messages and keeps up") {
  const TempFolder folder;
  CHECK_THAT(is_behind(folder.path(), kThen).value().why, Catch::Contains("does not run"));
  REQUIRE(save_status(folder.path(), figures(4000)));
  CHECK_FALSE(is_behind(folder.path(), kThen + 29s));
  CHECK_FALSE(is_behind(folder.path(), kThen - 1h));  // the clock was set back
  CHECK_THAT(is_behind(folder.path(), kThen + 30s).value().why, Catch::Contains("does not run"));
  CHECK_FALSE(is_behind(folder.path(), kThen + 30s)->may_pass);
  REQUIRE(save_status(folder.path(), figures(4001)));
  CHECK(is_behind(folder.path(), kThen).value().why == "the bridge is 4,001 messages behind");
  CHECK(is_behind(folder.path(), kThen)->may_pass);
  REQUIRE(save_status(folder.path(), figures(0, {.state = "held_up", .error = "the disk is full"})));
  CHECK(is_behind(folder.path(), kThen).value().why == "the archive takes nothing now: the disk is full");
  REQUIRE(save_status(folder.path(), render_stats(kThen, {}, {.disk_full = true}, {}, {})));
  CHECK(is_behind(folder.path(), kThen).value().why == "the bridge has no room for what comes");
  REQUIRE(save_status(folder.path(), figures(0, {.state = "stopped"})));
  CHECK_THAT(is_behind(folder.path(), kThen).value().why, Catch::Contains("does not run"));
  spit(folder / "status.json", "no JSON");
  CHECK(is_behind(folder.path(), kThen));
}

TEST_CASE("the status is written over where there is no room for another file") {
  const TempFolder folder;
  REQUIRE(save_status(folder.path(), figures(1'000'000)));
  std::filesystem::create_directory(folder / "status.json.new");  // in the way of the new one
  REQUIRE(save_status(folder.path(), figures(7)));
  CHECK(slurp(folder / "status.json") == figures(7) + '\n');
}
