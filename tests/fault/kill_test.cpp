#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/fault/nemesis.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

void killed_under_full_load(unsigned kills) {
  Site site(kSnapshotsOften);
  Nemesis nemesis(site, fault_seed(), {Fault::kill_gateway});
  site.start_load();
  nemesis.strike(fault_count(kills));
  site.end_load();
  const LedgerReport report = site.settle(site.batch(), std::chrono::minutes{10});
  std::cout << nemesis.text() << "; " << report << std::endl;
  INFO(nemesis.text());
  INFO(report);
  CHECK(report.whole());
  CHECK(report.books_balance());
  CHECK(report.accepted() == report.readings);
  CHECK(site.gateway.stop() == 0);
}

}  // namespace

TEST_CASE("gateway killed with -9 at random under full load: nothing lost, doubled or different") {
  killed_under_full_load(20);
}

TEST_CASE("gateway killed with -9 two hundred times under full load", "[.][long-kills]") {
  killed_under_full_load(200);
}
