#pragma once

#include "gateway/machine.h"
#include "gateway/playback.h"

namespace lookout {

/// The command backtest: every output of the machine over a recording, in order, as NDJSON
/// {"topic":"...","payload":{...}} on standard output, and a summary on standard error. The same recording
/// and configuration give the same bytes on standard output. Returns the exit code: 1 when the recording
/// cannot be read or the output not be written.
int backtest(Machine machine, const PlaybackOptions& options);

}  // namespace lookout
