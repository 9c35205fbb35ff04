#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/timestamp.h"

namespace lookout {

/// What an aggregate needs to know of a reading.
struct Sample {
  double value;
  Timestamp event_time;
  Timestamp arrival;
  std::uint32_t member = 0;  ///< the sensor's index in its group, counted from 0
  std::int64_t seq = -1;     ///< -1: the sensor gave none
  std::uint32_t boot = 0;    ///< a hash of the sensor's boot id
};

/// The running aggregate of one metric in one window. Sum by Neumaier's compensated summation (ZAMM 54,
/// 1974), mean of squares by Welford's update (Technometrics 4(3), 1962): stable for any number and size of
/// values. Threading: one owner.
class Aggregate {
 public:
  /// `members` are the names of the group's sensors, by which ties in event time are broken.
  void add(const Sample& sample, const std::vector<const std::string*>& members);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t sensors() const { return distinct_; }
  [[nodiscard]] double sum() const { return sum_ + compensation_; }
  [[nodiscard]] double mean() const { return sum() / static_cast<double>(count_); }
  [[nodiscard]] double min() const { return min_; }
  [[nodiscard]] double max() const { return max_; }
  [[nodiscard]] double stddev() const;  ///< of the population
  /// By event time; ties by the sensor's name, then by value.
  [[nodiscard]] const Sample& first() const { return first_; }
  [[nodiscard]] const Sample& last() const { return last_; }
  /// Numbers missing between the smallest and the largest seq of one boot of a sensor, over all sensors.
  [[nodiscard]] std::uint64_t seq_gaps() const;
  /// Indices of the sensors that contributed, ascending.
  [[nodiscard]] std::vector<std::uint32_t> contributors() const;

 private:
  struct SeqRange {
    std::uint32_t member, boot;
    std::int64_t smallest, largest;  // -1: no seq was given
    std::uint64_t count;             // of readings with a seq
  };
  void add_seq(const Sample& sample);

  std::uint64_t count_ = 0, distinct_ = 0;
  double sum_ = 0, compensation_ = 0;
  double running_mean_ = 0, squares_ = 0;
  double min_ = 0, max_ = 0;
  Sample first_{}, last_{};
  std::vector<SeqRange> ranges_;  // by member, then boot
};

}  // namespace lookout
