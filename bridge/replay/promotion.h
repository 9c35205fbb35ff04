#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bridge/replay/live_groups.h"
#include "bridge/replay/replay_file.h"
#include "bridge/replay/result_book.h"
#include "common/config.h"
#include "common/message.h"

namespace lookout {

/// `replay --into live`: which results of a replay by event time take the place of live ones.
///
/// A window is promoted when it lies wholly inside the range, live is done with it (LiveGroups), and a value
/// differs from the live result that holds (ResultBook): count, sensors, min, max, first, last, over and
/// seq_gaps exactly, sum, mean and stddev by more than 1e-9 of the larger one; or when that one is incomplete
/// and this is not. It comes out as revision + 1 of that one (0 where there is none), `closed_by` "replay",
/// and not `historical`: from here on it is the live result. So the same replay again promotes nothing.
///
/// What is not promoted is counted by why. Never: an incomplete result, and one that counts fewer readings
/// than the live one, for the archive then lacks what live has seen (a file lost, the bridge away); live
/// stays.
///
/// A live window that the replay does not have stays too, for the same reason, with one exception: a live
/// session that begins inside one of the replay's is part of it (with what live had refused, the session
/// begins earlier or has grown together with the one before) and would be counted twice. Where the replay's
/// is promoted, or already equal, the live one is retracted right before it.
struct Promotion {
  struct Counts {
    std::uint64_t promoted = 0, retracted = 0, equal = 0;
    std::uint64_t not_final = 0, partly_outside = 0, fewer_readings = 0, incomplete = 0;
    std::uint64_t not_configured = 0;  ///< the configuration here names no such window
    std::uint64_t only_live = 0;       ///< live has them, the replay does not
  };
  Counts counts;
  std::vector<Outgoing> messages;  ///< in the order in which they are to be published
};

/// How much more than the range is to be read on either side, so that windows that reach over its ends are
/// seen to: the longest window or gap.
Microseconds promotion_margin(const std::vector<WindowConfig>& windows);

/// What has to be known of which groups (LiveGroups::read).
std::map<std::string, Timestamp> needed_times(const ResultBook& replayed, const TimeRange& range,
                                              const Config& config);

/// `replayed` with payloads. `now`: the wall clock.
Promotion promote(const ResultBook& replayed, const ResultBook& live, const TimeRange& range,
                  const Config& config, const LiveGroups& groups, Timestamp now);

}  // namespace lookout
