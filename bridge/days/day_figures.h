#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/timestamp.h"

namespace lookout {

/// What the summary of a day takes of a reading. Texts are valid only where it was handed out.
struct DayReading {
  Timestamp event_time;
  double value = 0;
  std::int64_t seq = -1;  ///< -1: the sensor gave none
  std::string_view boot, unit;
  bool is_late = false;  ///< arrived more than the lag after its event time
};

/// What one metric of a group was on a day: of one series, or of several, taken together with merge(). Sum by
/// Neumaier's compensated summation, squares of deviations by Youngs and Cramer's update and Chan, Golub and
/// LeVeque's merge, as the gateway's (gateway/aggregate.h): the same readings in the same order give the same
/// bits.
class DayFigures {
 public:
  DayFigures() = default;
  /// Of one series. `sensor` breaks ties in event time.
  explicit DayFigures(const std::string& sensor)
      : sensors(1), first_{.sensor = sensor}, last_{.sensor = sensor} {}

  /// In ascending order of event time.
  void add(const DayReading& reading);
  void merge(const DayFigures& other);

  std::uint64_t count = 0, sensors = 0;
  double min = 0, max = 0;
  std::string unit{};  ///< the one named last
  std::uint64_t late_arrivals = 0, seq_gaps = 0;
  /// Nothing where no sensor's interval is known: then nothing is missing either.
  std::optional<std::uint64_t> expected{};
  std::uint64_t missing = 0;

  [[nodiscard]] double sum() const { return sum_ + compensation_; }
  [[nodiscard]] double mean() const { return sum() / static_cast<double>(count); }
  [[nodiscard]] double stddev() const;  ///< of the population
  /// By event time; ties by the sensor's name, then by value.
  [[nodiscard]] double first() const { return first_.value; }
  [[nodiscard]] double last() const { return last_.value; }

 private:
  struct Extreme {
    Timestamp time{};
    std::string sensor{};
    double value = 0;
    auto operator<=>(const Extreme&) const = default;
  };
  void add_to_sum(double value);

  double sum_ = 0, compensation_ = 0, squares_ = 0;
  Extreme first_{}, last_{};
};

}  // namespace lookout
