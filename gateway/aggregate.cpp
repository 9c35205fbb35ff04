#include "gateway/aggregate.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace lookout {

void Aggregate::add(const Sample& sample, const std::vector<const std::string*>& members) {
  const auto order = [&](const Sample& a, const Sample& b) {
    if (a.event_time != b.event_time) return a.event_time < b.event_time;
    return std::tie(*members[a.member], a.value) < std::tie(*members[b.member], b.value);
  };
  const double value = sample.value;
  if (count_ == 0) {
    min_ = max_ = value;
    first_ = last_ = sample;
  } else {
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    if (order(sample, first_)) first_ = sample;
    if (order(last_, sample)) last_ = sample;
  }
  ++count_;
  const double total = sum_ + value;
  compensation_ += std::abs(sum_) >= std::abs(value) ? (sum_ - total) + value : (value - total) + sum_;
  sum_ = total;
  const double delta = value - running_mean_;
  running_mean_ += delta / static_cast<double>(count_);
  squares_ += delta * (value - running_mean_);
  add_seq(sample);
}

void Aggregate::add_seq(const Sample& sample) {
  const auto key = std::tuple(sample.member, sample.boot);
  const auto key_of = [](const SeqRange& range) { return std::tuple(range.member, range.boot); };
  auto range = std::ranges::lower_bound(ranges_, key, {}, key_of);
  if (range == ranges_.end() || key_of(*range) != key) {
    const bool known = (range != ranges_.end() && range->member == sample.member) ||
                       (range != ranges_.begin() && std::prev(range)->member == sample.member);
    distinct_ += known ? 0 : 1;
    range = ranges_.insert(range, SeqRange{sample.member, sample.boot, sample.seq, sample.seq, 0});
  }
  if (sample.seq < 0) return;
  range->smallest = range->smallest < 0 ? sample.seq : std::min(range->smallest, sample.seq);
  range->largest = std::max(range->largest, sample.seq);
  ++range->count;
}

double Aggregate::stddev() const { return std::sqrt(std::max(squares_, 0.0) / static_cast<double>(count_)); }

std::uint64_t Aggregate::seq_gaps() const {
  std::uint64_t gaps = 0;
  for (const SeqRange& range : ranges_) {
    if (range.count == 0) continue;
    const auto span = static_cast<std::uint64_t>(range.largest - range.smallest) + 1;
    // Readings that differ in value only may share a seq: more readings than numbers is no gap.
    if (span > range.count) gaps += span - range.count;
  }
  return gaps;
}

std::vector<std::uint32_t> Aggregate::contributors() const {
  std::vector<std::uint32_t> members;
  for (const SeqRange& range : ranges_) {
    if (members.empty() || members.back() != range.member) members.push_back(range.member);
  }
  return members;
}

}  // namespace lookout
