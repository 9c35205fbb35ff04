#pragma once

#include "common/config.h"

namespace lookout {

/// The bridge's service: subscribe -> journal (PUBACK) -> archive. Runs until SIGTERM or SIGINT; returns the
/// exit code.
int run_relay(const Config& config);

}  // namespace lookout
