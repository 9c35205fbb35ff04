#pragma once

#include <string>

#include "common/result.h"

namespace lookout {

/// How many times faster than the wall clock event time passes, as people type it: "60x"; infinite for "max".
Result<double> parse_speed(const std::string& text);

}  // namespace lookout
