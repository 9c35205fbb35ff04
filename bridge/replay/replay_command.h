#pragma once

#include "bridge/replay/replay_options.h"
#include "common/config.h"

namespace lookout {

/// Sends a stretch of the archive through the gateway again, as a job (docs/replay.md), waits for its summary
/// and prints it; with `into_live` promotes results (bridge/replay/promotion.h). A foreground command with an
/// MQTT session of its own; the bridge's service may run or not.
///
/// SIGINT and SIGTERM cancel the job. Returns the exit code: 0 where the job is done.
int run_replay(const Config& config, const ReplayArguments& arguments);

}  // namespace lookout
