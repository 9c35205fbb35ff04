#pragma once

#include <string>

#include "common/message.h"
#include "simulator/fleet.h"
#include "simulator/sample.h"

namespace lookout {

/// One metric: codec lookout on sensors/<network>/<region>/<sensor>/<metric>. Combined: codec flat on
/// sensors/<network>/<region>/<sensor>. Numbers in their shortest form that reads back the same; times in ms.
Outgoing format_message(const Catalogue& catalogue, const Sample& sample, Form form);

/// {"arrival":"...","topic":"...","payload":"..."} with a line feed: what `lookout-gateway backtest` reads.
void append_recorded(std::string& out, Timestamp arrival, const Outgoing& message);

}  // namespace lookout
