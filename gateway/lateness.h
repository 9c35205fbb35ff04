#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "common/reading.h"
#include "common/timestamp.h"

namespace lookout {

/// How late readings come: a log-linear histogram of delays, as HdrHistogram has it (hdrhistogram.org).
///
/// The lowest bucket holds everything up to 1 ms, also what came before it was measured; above it each power
/// of two is cut into 16 equal buckets, (lower, upper], so that an upper bound is at most 6.25 % above what
/// it stands for, however long the delay. Only buckets that hold something take room: 8 bytes each.
/// Threading: one owner.
class DelayHistogram {
 public:
  void add(Microseconds delay);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Of these, with a negative delay: the sensor's clock is ahead of the box's.
  [[nodiscard]] std::uint64_t ahead() const { return ahead_; }
  /// Exact. Of an empty histogram 0.
  [[nodiscard]] Microseconds max() const { return count_ == 0 ? Microseconds{0} : max_; }

  /// The upper bound of the bucket that holds the quantile (the nearest rank: the least delay that a share
  /// `q` of all does not exceed), or the exact maximum where that is less: at least `q` of all delays are no
  /// longer than the result. `q` is above 0 and at most 1. Of an empty histogram 0.
  [[nodiscard]] Microseconds quantile(double q) const;

  /// The share of delays longer than `delay`, 0 to 1; of the bucket that `delay` splits, in proportion. Of an
  /// empty histogram 0.
  [[nodiscard]] double share_beyond(Microseconds delay) const;

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(buckets_, count_, ahead_, max_);
  }

 private:
  struct Bucket {
    std::uint64_t number : 16, count : 48;
    template <typename Archive>
    void serialize(Archive& archive) {
      auto packed = std::bit_cast<std::uint64_t>(*this);
      archive(packed);
      *this = std::bit_cast<Bucket>(packed);
    }
  };

  std::vector<Bucket> buckets_;  // by number
  std::uint64_t count_ = 0, ahead_ = 0;
  Microseconds max_ = Microseconds::min();
};

/// arrival - event time of readings, of all and of each sensor: which lag would have kept them in time.
/// Threading: one owner.
class Lateness {
 public:
  /// Of one sensor.
  struct Sensor {
    std::optional<SeriesId> series;  ///< of the first reading; nothing: not heard
    DelayHistogram delays{};
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(series, delays);
    }
  };
  /// The event times of the readings noted.
  struct Span {
    Timestamp oldest, newest;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(oldest, newest);
    }
  };

  /// `sensor`: a number that is the sensor's own; room is taken for all numbers up to the largest.
  void note(std::uint32_t sensor, SeriesId series, Timestamp event_time, Timestamp arrival);

  [[nodiscard]] const DelayHistogram& overall() const { return overall_; }
  [[nodiscard]] const std::optional<Span>& span() const { return span_; }
  /// `visit(sensor)` for every sensor heard, by number.
  template <typename Visit>
  void for_each_sensor(Visit visit) const {
    for (const Sensor& sensor : sensors_) {
      if (sensor.series) visit(sensor);
    }
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(overall_, span_, sensors_);
  }

 private:
  DelayHistogram overall_;
  std::optional<Span> span_;
  std::deque<Sensor> sensors_;  // by number
};

/// As in stats and reports, durations in seconds:
///
///   {"readings":20109,"ahead":0,"p50_s":0.48,"p95_s":0.51,"p99_s":0.54,"p99_9_s":3.1,"max_s":510.2,
///    "lag_s":60.0,"beyond_lag":0.0005}
///
/// readings: those with an event time, neither repeats nor rejected; ahead: measured after they arrived, by
/// the sensor's clock; pNN_s: the lag that keeps NN % in time (DelayHistogram::quantile); max_s: exact;
/// lag_s: the lag asked about; beyond_lag: the share of readings, 0 to 1, that comes later than it allows.
/// Without readings pNN_s and max_s are absent.
nlohmann::ordered_json delays_json(const DelayHistogram& delays, Microseconds lag);

}  // namespace lookout
