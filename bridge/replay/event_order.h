#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "bridge/replay/replay_files.h"
#include "bridge/replay/topic_filter.h"
#include "common/decoder.h"
#include "common/result.h"

namespace lookout {

/// The messages of a range of event time in the order of event time, in bounded memory: closed files hold
/// readings by series and the open one by arrival, so neither can be read in that order. It is found stretch
/// by stretch: of each file that may hold readings of the stretch the first so many are asked for and sorted
/// together; a stretch that holds too many is cut where the first file had no more room, and stretches grow
/// and shrink with what they hold.
///
/// A message stands at the smallest event time that its readings have in the range; ties by offset. One that
/// gave the archive no reading stands at its arrival if it cannot be decoded (or is ignored, as retained
/// messages without identity are), so that the gateway refuses and counts it again. If it can be decoded, all
/// its readings are repeats of others, which are there: it is left out and counted. (So is a message that
/// only the present configuration can read: its readings are in no index of event time. By arrival every
/// message is replayed.)
///
/// Memory: 16 bytes for each of at most `limit` readings a file and stretch, and for each undecodable message
/// of a file whose arrivals the stretch touches; one bit for each offset of the archive. Threading: one
/// owner.
class EventOrder {
 public:
  static constexpr std::size_t kReadings = 16'384;

  /// All must outlive the object.
  EventOrder(const ReplayFiles& files, const TimeRange& range, const TopicFilter& filter, Decoder& decoder,
             std::size_t limit = kReadings);

  /// The next ones, none of which was there before. Empty: there are no more.
  Result<std::vector<ReplayPlace>> next();
  /// Messages that brought no new reading, so far.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  Result<std::vector<ReplayPlace>> next_stretch();
  Result<ReplayFile::Readings> ask(const ReplayFiles::File& file, const ReplayFile::Stretch& stretch) const;
  Result<void> add_undated(Timestamp until);
  void take_undated(const ReplayPlace& through, std::vector<ReplayPlace>& places);
  void adapt(const ReplayFile::Stretch& stretch, const std::optional<ReplayPlace>& cut, std::size_t found);
  bool is_first_time(const ReplayPlace& place);

  const ReplayFiles& files_;
  const TimeRange range_;
  const TopicFilter& filter_;
  Decoder& decoder_;
  const std::size_t limit_;
  ReplayPlace behind_{Timestamp::min(), 0};  // everything up to here was handed out
  Timestamp from_;                           // of the next stretch
  Microseconds width_;
  std::set<std::uint64_t> looked_through_;  // files whose undated messages are known, by first offset
  std::vector<ReplayPlace> undated_;        // not yet handed out, in order, the first behind
  std::vector<bool> handed_out_;            // by offset, from the archive's first on
  std::uint64_t left_out_ = 0;
};

}  // namespace lookout
