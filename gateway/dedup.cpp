#include "gateway/dedup.h"

#include <algorithm>

namespace lookout {

std::int64_t Dedup::number_of(Timestamp time, Microseconds width) {
  const std::int64_t t = time.time_since_epoch().count();
  const std::int64_t w = width.count();
  return t / w - (t % w < 0 ? 1 : 0);
}

bool Dedup::has(const Sensor& sensor, std::int64_t number) {
  if (!sensor.buckets.empty() && sensor.buckets.back().number == number) return true;
  return std::ranges::binary_search(sensor.buckets, number, {}, &Bucket::number);
}

// The same reading may come again in any later bucket.
Seen Dedup::by_arrival(std::uint32_t sensor, const Identity& identity, Timestamp arrival) {
  Sensor& known = of_sensor(by_arrival_, sensor);
  forget_before(known, number_of(arrival - identity_window_, arrival_bucket_));
  for (const Bucket& bucket : known.buckets) {
    if (bucket.identities.contains(identity)) return Seen::before;
  }
  insert(known, number_of(arrival, arrival_bucket_), identity);
  return Seen::never;
}

Dedup::Sensor& Dedup::of_sensor(std::deque<Sensor>& sensors, std::uint32_t sensor) {
  if (sensors.size() <= sensor) sensors.resize(std::size_t{sensor} + 1);
  return sensors[sensor];
}

bool Dedup::insert(Sensor& sensor, std::int64_t number, const Identity& identity) {
  auto& buckets = sensor.buckets;
  auto bucket = buckets.end();
  if (!buckets.empty() && buckets.back().number >= number)
    bucket = std::ranges::lower_bound(buckets, number, {}, &Bucket::number);
  if (bucket == buckets.end() || bucket->number != number) {
    // A sensor's buckets are much alike: room for as many as in the last saves growing to it.
    const std::size_t likely = buckets.empty() ? 0 : buckets.back().identities.size();
    bucket = buckets.insert(bucket, Bucket{number, IdentitySet(likely)});
  }
  const bool is_new = bucket->identities.insert(identity);
  remembered_ += is_new ? 1 : 0;
  return is_new;
}

void Dedup::forget_before(Sensor& sensor, std::int64_t number) {
  const auto kept =
      std::ranges::find_if(sensor.buckets, [&](const Bucket& each) { return each.number >= number; });
  for (auto bucket = sensor.buckets.begin(); bucket != kept; ++bucket) {
    remembered_ -= bucket->identities.size();
    sensor.remembers_from = bucket->number + 1;
  }
  sensor.buckets.erase(sensor.buckets.begin(), kept);
}

}  // namespace lookout
