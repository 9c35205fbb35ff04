#pragma once

#include <string>

namespace lookout {

/// Sends log lines to stderr: with time and level, or under systemd with a syslog priority and without a
/// time. `level` is one of trace debug info warn error off.
void start_logging(const std::string& level);

}  // namespace lookout
