#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/machine.h"

namespace lookout {

/// What the statistics say beside the machine's own state.
struct StatsFrame {
  Timestamp time;
  double readings_per_second = 0;
  std::uint64_t lag_records = 0, lag_bytes = 0;  ///< journaled, not yet through the machine
  std::uint64_t journal_bytes = 0, journal_limit = 0;
  bool journal_full = false;  ///< above its high-water mark: the subscription is left, the broker queues
  bool disk_full = false;     ///< no room for the journal's next segment
  bool power_cut = false;     ///< the machine went down under the run before this one
  std::uint64_t unreadable_records = 0;
  std::uint64_t outbox = 0;   ///< published, not yet acknowledged
  std::uint64_t replays = 0;  ///< at work
  double snapshot_age_s = 0;  ///< since the last snapshot was done, or the start; grows where little comes
};

/// As in the statistics and the command books.
nlohmann::ordered_json books_json(const Books& books);

/// The payload of lookout/gateway/{box}/stats.
std::string render_stats(const Machine& machine, const StatsFrame& frame);

}  // namespace lookout
