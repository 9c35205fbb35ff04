#pragma once

#include "common/cli.h"

namespace lookout {

/// Adds `lookout-bridge summarize`: the complete summary of a day per sensor, region and network, and how
/// complete it is (columns: bridge/README.md). A day that is not over is summarized up to now.
void add_summarize(CommandLine& line);

}  // namespace lookout
