#pragma once

#include <cstdio>
#include <stop_token>

#include "common/result.h"
#include "simulator/faults.h"
#include "simulator/ledger.h"
#include "simulator/plan.h"
#include "simulator/tally.h"

namespace lookout {

/// Writes messages as NDJSON in place of publishing them, as fast as it can. A message arrives when it is
/// due, and with that it counts as acknowledged. Same plan, same seed: same bytes. `ledger` may be null.
Result<Tally> write_messages(const Plan& plan, Faults& faults, Ledger* ledger, std::FILE* out,
                             const std::stop_token& stop);

}  // namespace lookout
