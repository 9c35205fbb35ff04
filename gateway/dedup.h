#pragma once

#include <unordered_map>
#include <vector>

#include "common/reading.h"
#include "common/timestamp.h"
#include "gateway/identity_set.h"

namespace lookout {

/// The step dedup: QoS 1 may deliver twice, and a publisher's retransmission looks like a fresh message, so a
/// reading is recognised by its identity and by nothing else.
///
/// Identities with an event time are remembered per sensor in buckets of event time until the caller says
/// that nothing before a horizon can be taken any more; those without (seq and boot only) for
/// `identity_window` of arrival time. Exact. Threading: one owner.
class Dedup {
 public:
  /// `bucket`: the width of a bucket of event time; the largest window's size is a good one. Above zero.
  Dedup(Microseconds bucket, Microseconds identity_window)
      : bucket_(bucket),
        arrival_bucket_(std::max(identity_window / 8, Microseconds{1})),
        identity_window_(identity_window) {}

  /// Remembers the reading and says whether it was seen before. `sensor` is any number that is the sensor's
  /// own. `horizon`: the event time below which nothing of this sensor can be taken any more.
  bool is_repeat(std::uint32_t sensor, const Reading& reading, Timestamp arrival, Timestamp horizon);

  [[nodiscard]] std::size_t remembered() const { return remembered_; }

 private:
  struct Bucket {
    std::int64_t number;  // time / width
    IdentitySet identities;
  };
  using Buckets = std::vector<Bucket>;

  bool insert(Buckets& buckets, std::int64_t number, const Identity& identity);
  void forget_before(Buckets& buckets, std::int64_t number);

  const Microseconds bucket_, arrival_bucket_, identity_window_;
  std::unordered_map<std::uint32_t, Buckets> by_event_time_, by_arrival_;
  std::size_t remembered_ = 0;
};

}  // namespace lookout
