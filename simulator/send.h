#pragma once

#include "simulator/plan.h"

namespace lookout {

/// Wires the steps: source -> faults -> message -> broker or, in a dry run, standard output; beside it the
/// ledger. Ends with a line of figures on stderr. Returns the exit code.
int send(const Plan& plan, const SendOptions& options);

}  // namespace lookout
