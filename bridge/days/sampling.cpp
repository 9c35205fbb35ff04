#include "bridge/days/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lookout {
namespace {

constexpr double kDouble = 0.1;     // of an interval: shorter differences are between two of the same
constexpr double kGap = 3.5;        // longer ones say nothing of how regular it is
constexpr double kNear = 0.25;      // of a whole number of intervals
constexpr double kEdge = 0.1;       // at the day's ends
constexpr double kExactUpTo = 100;  // intervals; beyond, the differences of a class are taken together

// Eight classes between two powers of two.
std::size_t class_of(std::uint64_t difference) {
  const auto exponent = static_cast<unsigned>(std::bit_width(difference) - 1);
  const std::uint64_t eighths = exponent >= 3 ? difference >> (exponent - 3) : difference << (3 - exponent);
  return exponent * 8 + (eighths & 7);
}

std::uint64_t count_of(double number) { return static_cast<std::uint64_t>(std::llround(number)); }

double intervals_in(Microseconds time, double interval) {
  return static_cast<double>(time.count()) / interval;
}

// One that begins the day just at its begin is of the day, one that would end it just at its end is not.
std::uint64_t missing_before(Microseconds first, double interval) {
  const double intervals = intervals_in(first, interval);
  return intervals < 1 + kEdge ? 0 : static_cast<std::uint64_t>(intervals + kEdge);
}
std::uint64_t missing_behind(Microseconds last, double interval) {
  return static_cast<std::uint64_t>(std::max(0.0, intervals_in(last, interval) - kEdge));
}

}  // namespace

void Sampling::add(Timestamp event_time) {
  if (!first_) first_ = last_ = event_time;
  if (event_time <= last_) return;
  const auto difference = static_cast<std::uint64_t>((event_time - last_).count());
  Differences& same = classes_[std::min(class_of(difference), kClasses - 1)];
  ++same.count;
  same.sum += difference;
  ++differences_;
  last_ = event_time;
}

Sampling::Differences Sampling::together(std::size_t first, std::size_t end) const {
  Differences all;
  for (std::size_t i = first; i < std::min(end, kClasses); ++i) {
    all.count += classes_[i].count;
    all.sum += classes_[i].sum;
  }
  return all;
}

double Sampling::find_interval() const {
  double best = 0, interval = 0;
  for (std::size_t i = 0; i < kClasses; ++i) {
    if (classes_[i].count == 0) continue;
    const Differences near = together(i == 0 ? 0 : i - 1, i + 2);
    const double weight = static_cast<double>(near.count) * static_cast<double>(near.sum);
    if (weight <= best) continue;
    best = weight;
    interval = static_cast<double>(near.sum) / static_cast<double>(near.count);
  }
  return interval;
}

bool Sampling::is_regular(double interval) const {
  std::uint64_t all = 0, regular = 0;
  for (const auto& [count, sum] : classes_) {
    if (count == 0) continue;
    const double steps = static_cast<double>(sum) / static_cast<double>(count) / interval;
    if (steps < kDouble || steps > kGap) continue;
    all += count;
    if (steps > 0.5 && std::abs(steps - std::round(steps)) <= kNear) regular += count;
  }
  return 2 * regular >= all;
}

std::optional<Sampling::Completeness> Sampling::completeness(Timestamp from, Timestamp to) const {
  if (differences_ < 2) return std::nullopt;
  const double interval = find_interval();
  if (!is_regular(interval)) return std::nullopt;
  std::uint64_t expected = 1, missing = 0;
  for (const auto& [count, sum] : classes_) {
    if (count == 0) continue;
    const double each = static_cast<double>(sum) / static_cast<double>(count) / interval;
    const std::uint64_t steps =
        each < kExactUpTo ? count * count_of(each) : count_of(static_cast<double>(sum) / interval);
    expected += steps;
    if (steps > count) missing += steps - count;
  }
  const std::uint64_t edges = missing_before(*first_ - from, interval) + missing_behind(to - last_, interval);
  return Completeness{Microseconds{std::llround(interval)}, expected + edges, missing + edges};
}

}  // namespace lookout
