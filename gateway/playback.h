#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/journal_format.h"
#include "gateway/machine.h"

namespace lookout {

struct PlaybackOptions {
  std::string input;    ///< a recording (gateway/recording.h); "-" is standard input
  bool trusted = true;  ///< whether its arrivals can be believed
  bool flush = true;    ///< at the end of input everything open comes out
};

/// What went into the machine.
struct Played {
  std::uint64_t lines = 0, broken = 0, messages = 0;
};

/// Takes what followed from one record; fails when it cannot.
using PlaybackSink =
    std::function<Result<void>(const std::vector<Output>& outputs, const journal::Record& cause)>;

/// Steps the machine through a recording, as the live gateway steps it through its journal. The same
/// recording gives the same outputs. Broken lines are logged, the first 20 in full, and passed over. Fails
/// when the recording cannot be read or the sink fails.
Result<Played> play(const PlaybackOptions& options, Machine& machine, const PlaybackSink& sink);

}  // namespace lookout
