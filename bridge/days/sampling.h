#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/timestamp.h"

namespace lookout {

/// How often a sensor measures, found from nothing but the event times of its readings of a day.
///
/// The interval is the commonest difference of successive event times: differences are counted in classes
/// 12.5 % of a power of two wide, and of three neighbouring classes those win whose number times whose sum is
/// largest. Number alone would take the tiny differences of a sensor that sends everything twice, or the few
/// minutes in which it measured faster; time alone a single long gap; the median both, when they are half of
/// all. A difference of k intervals, rounded, means k - 1 readings that are missing; one below half an
/// interval is no step. At both ends of the day a tenth of an interval is let pass.
///
/// A sensor is irregular where fewer than half of the differences lie within a quarter of the interval of
/// one, two or three intervals (longer ones are gaps and do not count, nor do those below a tenth, which are
/// doubles): it is not said what would have been expected of it, as of one with fewer than three event times.
/// Threading: one owner.
class Sampling {
 public:
  /// In ascending order.
  void add(Timestamp event_time);

  struct Completeness {
    Microseconds interval{};
    std::uint64_t expected = 0;  ///< readings from the day's begin to its end
    std::uint64_t missing = 0;   ///< of them; the rest is there, once or several times
  };
  /// Of a day in which all event times lie.
  [[nodiscard]] std::optional<Completeness> completeness(Timestamp from, Timestamp to) const;

 private:
  struct Differences {
    std::uint64_t count = 0, sum = 0;  // in microseconds
  };
  static constexpr std::size_t kClasses = 512;
  [[nodiscard]] double find_interval() const;
  [[nodiscard]] Differences together(std::size_t first, std::size_t end) const;
  [[nodiscard]] bool is_regular(double interval) const;

  std::array<Differences, kClasses> classes_{};
  std::uint64_t differences_ = 0;
  std::optional<Timestamp> first_{};
  Timestamp last_{};
};

}  // namespace lookout
