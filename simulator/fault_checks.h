#pragma once

#include "common/result.h"
#include "simulator/fault_scope.h"

namespace lookout {

/// Fails with what is accepted where faults name what is not there or contradict each other.
Result<void> check_faults(const FaultOptions& options, const Field& field);

}  // namespace lookout
