#include "tests/fault/alert_states.h"
#include "tests/fault/check_whole.h"
#include "tests/fault/nemesis.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

void killed_under_full_load(unsigned kills) {
  Site site(kSnapshotsOften);
  Nemesis nemesis(site, fault_seed(), {Fault::kill_gateway});
  site.load.start();
  nemesis.strike(fault_count(kills));
  site.load.end();
  const Batch batch = site.batch();
  const LedgerReport report = site.settle(batch, std::chrono::minutes{10});
  check_whole(report, nemesis.text());
  // Killed between a record and its PUBACK: that there were such kills is what makes this a test of repeats.
  CHECK(report.books["duplicate"] > 0);
  CHECK(alert_states_without_repeats(site.look(), "north") == expected_alert_states(batch, "north"));
  CHECK(site.gateway.stop() == 0);
}

}  // namespace

TEST_CASE("gateway killed with -9 at random under full load: nothing lost, doubled or different") {
  killed_under_full_load(20);
}

TEST_CASE("gateway killed with -9 two hundred times under full load", "[.][long-kills]") {
  killed_under_full_load(200);
}
