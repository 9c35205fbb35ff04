#include "gateway/dedup.h"

#include <algorithm>

namespace lookout {
namespace {

std::int64_t number_of(Timestamp time, Microseconds width) {
  const std::int64_t t = time.time_since_epoch().count();
  const std::int64_t w = width.count();
  return t / w - (t % w < 0 ? 1 : 0);
}

}  // namespace

bool Dedup::is_repeat(std::uint32_t sensor, const Reading& reading, Timestamp arrival, Timestamp horizon) {
  if (!reading.identity) return false;
  if (!reading.time_is_arrival) {
    Buckets& buckets = by_event_time_[sensor];
    forget_before(buckets, number_of(horizon, bucket_));
    return !insert(buckets, number_of(reading.event_time, bucket_), *reading.identity);
  }
  // The same reading may come again in any later bucket.
  Buckets& buckets = by_arrival_[sensor];
  forget_before(buckets, number_of(arrival - identity_window_, arrival_bucket_));
  for (const Bucket& bucket : buckets) {
    if (bucket.identities.contains(*reading.identity)) return true;
  }
  return !insert(buckets, number_of(arrival, arrival_bucket_), *reading.identity);
}

bool Dedup::insert(Buckets& buckets, std::int64_t number, const Identity& identity) {
  auto bucket = std::ranges::find(buckets, number, &Bucket::number);
  if (bucket == buckets.end()) bucket = buckets.insert(bucket, Bucket{number, {}});
  const bool is_new = bucket->identities.insert(identity);
  remembered_ += is_new ? 1 : 0;
  return is_new;
}

void Dedup::forget_before(Buckets& buckets, std::int64_t number) {
  std::erase_if(buckets, [&](const Bucket& bucket) {
    if (bucket.number >= number) return false;
    remembered_ -= bucket.identities.size();
    return true;
  });
}

}  // namespace lookout
