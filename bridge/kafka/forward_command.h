#pragma once

#include <optional>
#include <string>

#include "bridge/archive/selection.h"
#include "common/config.h"

namespace lookout {

/// The command forward as it was typed.
struct ForwardArguments {
  std::string from{}, to{};  ///< as parse_time_argument reads them
  TimeAxis axis = TimeAxis::arrival;
  std::string topic{};  ///< of Kafka, for all records; empty: those of the relay
  std::string job{};    ///< empty: made of the others, so that the same words mean the same job
};

/// Forwards a stretch of the archive once more, beside the running bridge: a job of its own, with a cursor
/// and a transactional id of its own. Who was interrupted goes on where he was with the same words; a job
/// that is done may be done again. Returns the exit code.
int run_forward(const Config& config, const ForwardArguments& arguments);

}  // namespace lookout
