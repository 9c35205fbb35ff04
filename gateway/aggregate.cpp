#include "gateway/aggregate.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace lookout {

bool Aggregate::before(const Extreme& a, const Extreme& b, Members members) {
  if (a.time != b.time) return a.time < b.time;
  return std::tie(*members[a.member], a.value) < std::tie(*members[b.member], b.value);
}

void Aggregate::add_to_sum(double value) {
  const double total = sum_ + value;
  compensation_ += std::abs(sum_) >= std::abs(value) ? (sum_ - total) + value : (value - total) + sum_;
  sum_ = total;
}

void Aggregate::take_extremes(const Extreme& first, const Extreme& last, Timestamp arrival, Members members) {
  if (before(first, first_reading(), members)) set_first(first);
  if (before(last_reading(), last, members)) set_last(last, arrival);
}

void Aggregate::set_first(const Extreme& reading) {
  first_time_ = reading.time;
  first_value_ = reading.value;
  first_member_ = reading.member;
}

void Aggregate::set_last(const Extreme& reading, Timestamp arrival) {
  last_time_ = reading.time;
  last_value_ = reading.value;
  last_member_ = reading.member;
  newest_arrival_ = arrival;
}

void Aggregate::add(const Sample& sample, Members members) {
  const double value = sample.value;
  const Extreme extreme{sample.event_time, value, sample.member};
  if (count_ == 0) {
    min_ = max_ = value;
    set_first(extreme);
    set_last(extreme, sample.arrival);
  } else {
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    take_extremes(extreme, extreme, sample.arrival, members);
    const auto n = static_cast<double>(count_);
    const double delta = value - mean();
    squares_ += delta * (delta * (n / (n + 1)));
  }
  ++count_;
  over_ += sample.over ? 1 : 0;
  add_to_sum(value);
  seqs_.add(sample.member, sample.boot, sample.seq);
}

void Aggregate::merge(const Aggregate& other, Members members) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    min_ = other.min_;
    max_ = other.max_;
    set_first(other.first_reading());
    set_last(other.last_reading(), other.newest_arrival_);
    squares_ = other.squares_;
  } else {
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    take_extremes(other.first_reading(), other.last_reading(), other.newest_arrival_, members);
    const auto mine = static_cast<double>(count_);
    const auto theirs = static_cast<double>(other.count_);
    const double delta = other.mean() - mean();
    squares_ += other.squares_ + delta * (delta * (mine * (theirs / (mine + theirs))));
  }
  count_ += other.count_;
  over_ += other.over_;
  add_to_sum(other.sum_);
  compensation_ += other.compensation_;
  seqs_.merge(other.seqs_);
}

double Aggregate::stddev() const { return std::sqrt(std::max(squares_, 0.0) / static_cast<double>(count_)); }

}  // namespace lookout
