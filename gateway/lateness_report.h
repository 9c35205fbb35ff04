#pragma once

#include "common/config.h"
#include "gateway/machine.h"
#include "gateway/playback.h"

namespace lookout {

/// How the command lateness prints.
struct LatenessOptions {
  bool json = false;         ///< one JSON object with every sensor, in place of the table
  std::size_t sensors = 10;  ///< of the table: those with the worst p99
};

/// The command lateness: how late the readings of a recording come, of all and by sensor, which lag would
/// have kept them in time, and what the configured one costs and loses. Returns the exit code: 1 when the
/// recording cannot be read or the report not be written.
int report_lateness(const Config& config, Machine machine, PlaybackOptions playback,
                    const LatenessOptions& options);

/// A delay for people: one decimal below ten of its unit, none above, rounded up: "480ms" "3.1s" "8.5m".
std::string round_up(Microseconds delay);

}  // namespace lookout
