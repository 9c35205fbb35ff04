#pragma once

#include <string>
#include <vector>

#include "tests/property/stream.h"

namespace lookout::test {

/// Runs the machine and the oracle beside each other over a case to the end of input, and says what first
/// went wrong; empty: nothing.
std::string compare_with_oracle(const Case& tried);

/// All that the machine publishes, one line a message, to the end of input. `levels`: only under topics that
/// have all of these levels.
std::string published(const Case& tried, const std::vector<std::string>& levels = {});
/// All of it, and the statistics at the end.
std::string published_with_books(const Case& tried);
/// The same of a machine whose state goes through a snapshot into a new one now and then.
std::string published_with_restarts(const Case& tried, std::uint64_t seed);

}  // namespace lookout::test
