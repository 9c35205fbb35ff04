#include "gateway/lateness.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/duration.h"

namespace lookout {
namespace {

constexpr std::uint64_t kLowest = 1000;  // us, the upper bound of bucket 0
constexpr std::uint64_t kPerPowerOfTwo = 16;

std::uint64_t bucket_of(Microseconds delay) {
  if (delay <= Microseconds{kLowest}) return 0;
  const auto us = static_cast<std::uint64_t>(delay.count()) - 1;  // the upper bound belongs to the bucket
  const auto power = static_cast<std::uint64_t>(std::bit_width(us / kLowest)) - 1;
  const std::uint64_t base = kLowest << power;
  return 1 + power * kPerPowerOfTwo + (us - base) * kPerPowerOfTwo / base;
}

Microseconds upper_bound(std::uint64_t bucket) {
  if (bucket == 0) return Microseconds{kLowest};
  const std::uint64_t base = kLowest << ((bucket - 1) / kPerPowerOfTwo);
  const std::uint64_t parts = (bucket - 1) % kPerPowerOfTwo + 1;
  return Microseconds{base + (base * parts + kPerPowerOfTwo - 1) / kPerPowerOfTwo};
}

}  // namespace

void DelayHistogram::add(Microseconds delay) {
  ++count_;
  if (delay < Microseconds{0}) ++ahead_;
  max_ = std::max(max_, delay);
  const std::uint64_t number = bucket_of(delay);
  const auto at = std::ranges::lower_bound(buckets_, number, {}, [](Bucket bucket) { return bucket.number; });
  if (at != buckets_.end() && at->number == number) {
    ++at->count;
  } else {
    buckets_.insert(at, Bucket{.number = number & 0xFFFF, .count = 1});
  }
}

Microseconds DelayHistogram::quantile(double q) const {
  const double rank = std::max(std::ceil(q * static_cast<double>(count_)), 1.0);
  std::uint64_t seen = 0;
  for (const Bucket bucket : buckets_) {
    seen += bucket.count;
    if (static_cast<double>(seen) >= rank) return std::min(upper_bound(bucket.number), max_);
  }
  return max();
}

double DelayHistogram::share_beyond(Microseconds delay) const {
  if (delay >= max()) return 0;
  double beyond = 0;
  for (const Bucket bucket : buckets_) {
    const bool lowest = bucket.number == 0;  // from 0 on: what is ahead is in time
    const Microseconds lower = lowest ? Microseconds{0} : upper_bound(bucket.number - 1);
    const Microseconds upper = std::min(upper_bound(bucket.number), max_);
    if (upper <= delay) continue;
    const double part = lower >= delay ? 1 : to_seconds(upper - delay) / to_seconds(upper - lower);
    beyond += part * static_cast<double>(lowest ? bucket.count - ahead_ : bucket.count);
  }
  return beyond / static_cast<double>(count_);
}

void Lateness::note(std::uint32_t sensor, SeriesId series, Timestamp event_time, Timestamp arrival) {
  if (!span_) span_ = Span{event_time, event_time};
  span_->oldest = std::min(span_->oldest, event_time);
  span_->newest = std::max(span_->newest, event_time);
  if (sensors_.size() <= sensor) sensors_.resize(std::size_t{sensor} + 1);
  if (!sensors_[sensor].series) sensors_[sensor].series = series;
  sensors_[sensor].delays.add(arrival - event_time);
  overall_.add(arrival - event_time);
}

nlohmann::ordered_json delays_json(const DelayHistogram& delays, Microseconds lag) {
  nlohmann::ordered_json json;
  json["readings"] = delays.count();
  json["ahead"] = delays.ahead();
  if (delays.count() > 0) {
    json["p50_s"] = to_seconds(delays.quantile(0.5));
    json["p95_s"] = to_seconds(delays.quantile(0.95));
    json["p99_s"] = to_seconds(delays.quantile(0.99));
    json["p99_9_s"] = to_seconds(delays.quantile(0.999));
    json["max_s"] = to_seconds(delays.max());
  }
  json["lag_s"] = to_seconds(lag);
  json["beyond_lag"] = delays.share_beyond(lag);
  return json;
}

}  // namespace lookout
