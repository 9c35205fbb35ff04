#pragma once

#include <catch2/catch.hpp>
#include <iostream>
#include <string>

#include "tests/support/ledger_check.h"

namespace lookout::test {

/// Prints the figures behind `what` and fails where anything is lost, doubled or different, or the books do
/// not say the same.
inline void check_whole(const LedgerReport& report, const std::string& what) {
  std::cout << what << "; " << report << std::endl;
  INFO(what);
  INFO(report);
  CHECK(report.whole());
  CHECK(report.books_balance());
  CHECK(report.accepted() == report.readings);
}

}  // namespace lookout::test
