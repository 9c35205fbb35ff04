#pragma once

#include "common/config.h"

namespace lookout {

/// Whether the kernel says that the wall clock is synchronised (adjtimex(2)); no when it cannot be asked.
bool kernel_clock_is_synchronised();

/// Whether the wall clock is believed now.
bool is_trusted(ClockSetting setting);

}  // namespace lookout
