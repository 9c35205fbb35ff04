#pragma once

#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace lookout::test {

/// Runs a command to its end; throws unless that is exit code 0.
void must(const std::vector<std::string>& command);

/// A certificate for 127.0.0.1 that is its own authority: NAME.crt and NAME.key.
void make_certificate(const TempFolder& folder, const std::string& name);

}  // namespace lookout::test
