#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bridge/replay/event_order.h"
#include "bridge/replay/replay_files.h"
#include "bridge/replay/topic_filter.h"
#include "common/config.h"
#include "common/result.h"

namespace lookout {

enum class ReplayOrder {
  event,   ///< range and order are the event time (EventOrder)
  arrival  ///< range is the arrival, order the offset: every message, as it came
};

/// The messages of a replay, a chunk at a time: as the archive was at the start, also while the bridge goes
/// on writing it. Between two chunks nothing of the archive is held open, whatever the network takes.
/// Threading: one owner.
class ReplaySource {
 public:
  struct Limits {
    std::size_t readings = EventOrder::kReadings;
    std::size_t messages = 2000;
    std::size_t bytes = std::size_t{1} << 20;  ///< of topics and payloads, about
  };

  /// `files` must outlive the object.
  ReplaySource(const ReplayFiles& files, ReplayOrder order, const TimeRange& range, TopicFilter filter,
               const Config& config, const Limits& limits);
  ReplaySource(const ReplaySource&) = delete;
  ReplaySource& operator=(const ReplaySource&) = delete;

  /// Empty: there are no more.
  Result<std::vector<ReplayMessage>> next();
  [[nodiscard]] std::uint64_t left_out() const { return by_event_.left_out(); }

 private:
  Result<std::vector<ReplayMessage>> next_by_arrival();
  Result<std::vector<ReplayMessage>> next_by_event();
  Result<std::vector<ReplayMessage>> fetch();
  /// Reads into `found`; the number of places that are dealt with, those of other files included.
  Result<std::size_t> fetch_from(const ReplayFiles::File& file, std::span<const ReplayPlace> places,
                                 std::vector<std::optional<ReplayMessage>>& found) const;

  const ReplayFiles& files_;
  const ReplayOrder order_;
  const TimeRange range_;
  const TopicFilter filter_;
  const Limits limits_;
  Decoder decoder_;
  EventOrder by_event_;
  std::vector<ReplayPlace> places_;  // by event: to be fetched from taken_ on
  std::size_t taken_ = 0;
  std::size_t file_ = 0;      // by arrival: index of the file
  std::uint64_t offset_ = 0;  // and where to go on
};

}  // namespace lookout
