#pragma once

#include <deque>
#include <limits>
#include <vector>

#include "common/identity.h"
#include "common/timestamp.h"
#include "gateway/identity_set.h"

namespace lookout {

/// What dedup knows of a reading.
enum class Seen : std::uint8_t {
  never,
  before,
  forgotten,  ///< it is from a time of which identities were remembered and are no longer: nobody can tell
};

/// The step dedup: QoS 1 may deliver twice, and a publisher's retransmission looks like a fresh message, so a
/// reading is recognised by its identity and by nothing else. Exact. What is asked about is remembered.
///
/// `sensor` is a small number that is the sensor's own. Threading: one owner.
class Dedup {
 public:
  /// `bucket`: the width of a bucket of event time; the largest window's size is a good one. Above zero.
  Dedup(Microseconds bucket, Microseconds identity_window)
      : bucket_(bucket),
        arrival_bucket_(std::max(identity_window / 8, Microseconds{1})),
        identity_window_(identity_window) {}

  /// An identity that has an event time in it: remembered until nothing of that time can be taken any more.
  /// `horizon()` gives the event time below which that is so for all the sensor sends; it is asked for when a
  /// bucket begins, which is when old ones are forgotten.
  template <typename Horizon>
  Seen by_event_time(std::uint32_t sensor, const Identity& identity, Timestamp event_time, Horizon horizon) {
    Sensor& known = of_sensor(by_event_time_, sensor);
    const std::int64_t number = number_of(event_time, bucket_);
    if (!has(known, number)) forget_before(known, number_of(horizon(), bucket_));
    if (number < known.remembers_from) return Seen::forgotten;
    return insert(known, number, identity) ? Seen::never : Seen::before;
  }
  /// Any identity: remembered for `identity_window`. `arrival` is connected time.
  Seen by_arrival(std::uint32_t sensor, const Identity& identity, Timestamp arrival);

  void set_identity_window(Microseconds window) { identity_window_ = window; }
  [[nodiscard]] std::size_t remembered() const { return remembered_; }

  /// Writes or reads the state (snapshot.h), widths of the buckets included.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(bucket_, arrival_bucket_, by_event_time_, by_arrival_, remembered_);
  }

 private:
  struct Bucket {
    std::int64_t number;  // time / width
    IdentitySet identities;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(number, identities);
    }
  };
  struct Sensor {
    std::int64_t remembers_from = std::numeric_limits<std::int64_t>::min();  // a bucket's number
    std::vector<Bucket> buckets;                                             // by number
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(remembers_from, buckets);
    }
  };

  static std::int64_t number_of(Timestamp time, Microseconds width);
  static bool has(const Sensor& sensor, std::int64_t number);
  static Sensor& of_sensor(std::deque<Sensor>& sensors, std::uint32_t sensor);
  bool insert(Sensor& sensor, std::int64_t number, const Identity& identity);
  void forget_before(Sensor& sensor, std::int64_t number);

  Microseconds bucket_, arrival_bucket_;
  Microseconds identity_window_;
  std::deque<Sensor> by_event_time_, by_arrival_;  // by number; a deque grows by little
  std::size_t remembered_ = 0;
};

}  // namespace lookout
