#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/replay/promotion.h"
#include "bridge/replay/replay_envelope.h"
#include "bridge/replay/replay_files.h"
#include "bridge/replay/replay_player.h"
#include "bridge/replay/topic_filter.h"

namespace lookout {

/// How a replay ended, for people and as one line of JSON: the gateway's summary, and what the bridge did.
struct ReplayReport {
  ReplayRequest request;
  std::string summary;  ///< as the gateway sent it
  std::uint64_t sent = 0, left_out = 0, too_long = 0;
  ReplayPlayer::TooLarge too_large{};
  std::size_t passed_over = 0;  ///< files of the archive
  std::optional<Promotion::Counts> promotion{};

  /// Done, and the gateway took every message there was.
  [[nodiscard]] bool is_done() const;
  /// A sentence, where it is not; else empty.
  [[nodiscard]] std::string why_not() const;
  /// How many aggregates the gateway says it has published for the job.
  [[nodiscard]] std::optional<std::uint64_t> aggregates() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string json() const;
};

/// Why there is nothing to replay, and what there would be.
std::string describe_nothing(const ReplayFiles& files, const ReplayRequest& request,
                             const TopicFilter& filter);
/// A sentence for each stretch of offsets that is missing of the time asked for.
std::vector<std::string> describe_gaps(const ReplayFiles& files, const ReplayRequest& request);
/// The newest time of the axis that the archive holds.
Timestamp newest_in(const ReplayFiles& files, ReplayOrder order);

}  // namespace lookout
