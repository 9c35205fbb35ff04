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

}  // namespace lookout::test
