#include "bridge/days/day_figures.h"

#include <algorithm>
#include <cmath>

namespace lookout {

void DayFigures::add_to_sum(double value) {
  const double total = sum_ + value;
  compensation_ += std::abs(sum_) >= std::abs(value) ? (sum_ - total) + value : (value - total) + sum_;
  sum_ = total;
}

void DayFigures::add(const DayReading& reading) {
  const double value = reading.value;
  if (count == 0) {
    min = max = first_.value = last_.value = value;
    first_.time = last_.time = reading.event_time;
  } else {
    min = std::min(min, value);
    max = std::max(max, value);
    if (reading.event_time == first_.time) first_.value = std::min(first_.value, value);
    last_.value = reading.event_time == last_.time ? std::max(last_.value, value) : value;
    last_.time = reading.event_time;
    const auto n = static_cast<double>(count);
    const double delta = value - mean();
    squares_ += delta * (delta * (n / (n + 1)));
  }
  ++count;
  add_to_sum(value);
  if (reading.is_late) ++late_arrivals;
  if (!reading.unit.empty() && reading.unit != unit) unit = reading.unit;
}

void DayFigures::merge(const DayFigures& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  first_ = std::min(first_, other.first_);
  if (!other.unit.empty() && (unit.empty() || last_ < other.last_)) unit = other.unit;
  last_ = std::max(last_, other.last_);
  const auto mine = static_cast<double>(count), theirs = static_cast<double>(other.count);
  const double delta = other.mean() - mean();
  squares_ += other.squares_ + delta * (delta * (mine * (theirs / (mine + theirs))));
  count += other.count;
  sensors += other.sensors;
  add_to_sum(other.sum_);
  compensation_ += other.compensation_;
  late_arrivals += other.late_arrivals;
  seq_gaps += other.seq_gaps;
  if (other.expected) expected = expected.value_or(0) + *other.expected;
  missing += other.missing;
}

double DayFigures::stddev() const { return std::sqrt(std::max(squares_, 0.0) / static_cast<double>(count)); }

}  // namespace lookout
