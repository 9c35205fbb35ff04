#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/timestamp.h"
#include "gateway/seq_ranges.h"

namespace lookout {

/// The names of a group's sensors by member index.
using Members = std::span<const std::string* const>;

/// What an aggregate needs to know of a reading.
struct Sample {
  double value;
  Timestamp event_time;
  Timestamp arrival;
  std::uint32_t member = 0;  ///< the sensor's index in its group
  std::uint32_t boot = 0;    ///< a hash of the sensor's boot id
  std::int64_t seq = -1;     ///< -1: the sensor gave none
  bool over = false;         ///< above the window's threshold
};

/// The running aggregate of one metric over an interval of event time. Sum by Neumaier's compensated
/// summation (ZAMM 54, 1974); squares of deviations by Youngs and Cramer's update (Technometrics 13(3), 1971)
/// and Chan, Golub and LeVeque's merge (COMPSTAT 1982): stable for any number and size of values. The same
/// additions and merges in the same order give the same bits. Threading: one owner.
class Aggregate {
 public:
  /// `members` break ties in event time.
  void add(const Sample& sample, Members members);
  /// Takes up the readings of another aggregate of the same group.
  void merge(const Aggregate& other, Members members);

  /// Takes less memory until more is added: for when that is not expected.
  void pack() { seqs_.pack(); }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t over() const { return over_; }
  [[nodiscard]] double sum() const { return sum_ + compensation_; }
  [[nodiscard]] double mean() const { return sum() / static_cast<double>(count_); }
  [[nodiscard]] double min() const { return min_; }
  [[nodiscard]] double max() const { return max_; }
  [[nodiscard]] double stddev() const;  ///< of the population
  /// By event time; ties by the sensor's name, then by value.
  [[nodiscard]] double first() const { return first_value_; }
  [[nodiscard]] double last() const { return last_value_; }
  [[nodiscard]] Timestamp newest_event() const { return last_time_; }
  [[nodiscard]] Timestamp newest_arrival() const { return newest_arrival_; }
  [[nodiscard]] const SeqRanges& seqs() const { return seqs_; }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(count_, sum_, compensation_, squares_, min_, max_, first_time_, last_time_, first_value_,
            last_value_, newest_arrival_, seqs_, first_member_, last_member_, over_);
  }

 private:
  struct Extreme {
    Timestamp time;
    double value;
    std::uint32_t member;
  };
  static bool before(const Extreme& a, const Extreme& b, Members members);
  void add_to_sum(double value);
  [[nodiscard]] Extreme first_reading() const { return {first_time_, first_value_, first_member_}; }
  [[nodiscard]] Extreme last_reading() const { return {last_time_, last_value_, last_member_}; }
  void set_first(const Extreme& reading);
  void set_last(const Extreme& reading, Timestamp arrival);
  void take_extremes(const Extreme& first, const Extreme& last, Timestamp arrival, Members members);

  // In an order that leaves no holes: there is one for every series and window.
  std::uint64_t count_ = 0;
  double sum_ = 0, compensation_ = 0, squares_ = 0;
  double min_ = 0, max_ = 0;
  Timestamp first_time_, last_time_;
  double first_value_ = 0, last_value_ = 0;
  Timestamp newest_arrival_;
  SeqRanges seqs_;
  std::uint32_t first_member_ = 0, last_member_ = 0;
  std::uint32_t over_ = 0;
};

}  // namespace lookout
