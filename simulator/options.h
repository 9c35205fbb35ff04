#pragma once

#include "common/cli.h"
#include "simulator/plan.h"

namespace lookout {

/// The options of `run` and `play`. A bad value ends the command line with exit code 2 and what is accepted.
/// The options must outlive the command.
void add_run_options(CLI::App& command, RunOptions& options);
void add_play_options(CLI::App& command, PlayOptions& options);

}  // namespace lookout
