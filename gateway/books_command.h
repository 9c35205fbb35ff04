#pragma once

#include "common/config.h"

namespace lookout {

/// The command books: the account of all readings up to the journal's end, and which sensors lack numbers. It
/// is computed as a start would do it, from the newest snapshot in the state folder and the journal behind
/// it, so it is exact while a gateway runs and when none does; it changes nothing. Returns the exit code.
int books_command(const Config& config, bool json);

}  // namespace lookout
