#pragma once

#include <string>

#include "common/result.h"
#include "simulator/fault_options.h"

namespace lookout {

/// One --fault. Fails with what is accepted. SCOPE is sensor=NAME|region=NAME|share=0.1, start=1h:
///     kind=spike, share=0.001, amount=50, metric=temperature
///     kind=offline, SCOPE, duration=1h, every=6h, order=oldest|newest, rate=20
///     kind=clock, SCOPE, duration=1h, offset=-2h [flap=60s] | reset=true | drift=50
///     kind=stuck, SCOPE, duration=1h, metric=temperature
///     kind=reboot, SCOPE, every=6h
///     kind=delay, p80=10s, p99.5=8m, max=6h
Result<Fault> parse_fault(const std::string& text);

}  // namespace lookout
