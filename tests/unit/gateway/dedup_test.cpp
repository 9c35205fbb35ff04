#include "gateway/dedup.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

#include "common/reading.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

Reading reading(std::chrono::seconds time, double value = 1, bool time_is_arrival = false) {
  Reading made;
  made.value = value;
  made.event_time = Timestamp{time};
  made.time_is_arrival = time_is_arrival;
  made.identity_has_time = !time_is_arrival;
  made.seq = 1;
  made.boot = "b";
  made.identity =
      identify({1, 2}, time_is_arrival ? std::nullopt : std::optional(made.event_time), value, 1, "b");
  return made;
}

Seen look_up(Dedup& dedup, const Reading& reading, Timestamp arrival, Timestamp horizon) {
  if (!reading.identity_has_time) return dedup.by_arrival(0, *reading.identity, arrival);
  return dedup.by_event_time(0, *reading.identity, reading.event_time, [&] { return horizon; });
}
bool repeats(Dedup& dedup, const Reading& reading, Timestamp arrival, Timestamp horizon) {
  return look_up(dedup, reading, arrival, horizon) == Seen::before;
}

}  // namespace

TEST_CASE("the set of identities agrees with std::set") {
  std::mt19937_64 random(5);
  // Few distinct ones, half of which want the same few slots.
  std::vector<Identity> pool;
  for (std::uint64_t i = 0; i < 5'000; ++i) pool.push_back({random(), i});
  for (std::uint64_t i = 0; i < 4'000; ++i) pool.push_back({i % 8, i});
  for (std::uint64_t i = 0; i < 1'000; ++i) pool.push_back({~std::uint64_t{0} - i % 8, i});
  IdentitySet set;
  std::set<Identity> model;
  for (int i = 0; i < 30'000; ++i) {
    const Identity& identity = pool[random() % pool.size()];
    REQUIRE(set.contains(identity) == model.contains(identity));
    REQUIRE(set.insert(identity) == model.insert(identity).second);
    REQUIRE(set.size() == model.size());
  }
}

TEST_CASE("a remembered identity takes 24 bytes or less, on average over all sizes of a set") {
  std::mt19937_64 random(6);
  std::size_t bytes = 0, identities = 0;
  for (std::size_t size = 30; size < 1000; size += 10) {
    IdentitySet set;
    while (set.size() < size) set.insert({random(), random()});
    bytes += set.bytes();
    identities += size;
  }
  CHECK(static_cast<double>(bytes) / static_cast<double>(identities) < 24);
}

TEST_CASE(
    "in a set of five with room for them, as a sensor has that sends once a minute, it takes 28 bytes") {
  std::mt19937_64 random(7);
  std::size_t bytes = 0;
  constexpr std::size_t kSets = 1000, kOfSet = 5;
  for (std::size_t i = 0; i < kSets; ++i) {
    IdentitySet set(kOfSet);
    while (set.size() < kOfSet) set.insert({random(), random()});
    bytes += set.bytes();
  }
  CHECK(bytes < 28 * kSets * kOfSet);
}

TEST_CASE("the identity that looks like an empty slot is kept as well") {
  IdentitySet set;
  CHECK_FALSE(set.contains({0, 0}));
  CHECK(set.insert({0, 0}));
  CHECK_FALSE(set.insert({0, 0}));
  CHECK(set.contains({0, 0}));
  CHECK(set.size() == 1);
}

TEST_CASE("a repeat is recognised, a different reading is not taken for one") {
  Dedup dedup(5min, 24h);
  CHECK_FALSE(repeats(dedup, reading(1000s), {}, Timestamp{0s}));
  CHECK(repeats(dedup, reading(1000s), {}, Timestamp{0s}));
  CHECK_FALSE(repeats(dedup, reading(1000s, 2), {}, Timestamp{0s}));
  CHECK_FALSE(repeats(dedup, reading(1001s), {}, Timestamp{0s}));
  CHECK(dedup.remembered() == 3);
}

TEST_CASE("what lies before the horizon is forgotten, and nothing behind it") {
  Dedup dedup(5min, 24h);
  for (int i = 0; i < 100; ++i) repeats(dedup, reading(std::chrono::seconds{i * 60}), {}, Timestamp{0s});
  CHECK(dedup.remembered() == 100);
  CHECK_FALSE(repeats(dedup, reading(6000s), {}, Timestamp{5700s}));
  CHECK(dedup.remembered() == 5 + 1);  // of the bucket [5700, 6000)
  for (int i = 95; i < 100; ++i)
    CHECK(repeats(dedup, reading(std::chrono::seconds{i * 60}), {}, Timestamp{5700s}));
  // Should the horizon ever go back, what was forgotten cannot be told from what was never seen.
  CHECK(look_up(dedup, reading(5640s), {}, Timestamp{0s}) == Seen::forgotten);
  CHECK(look_up(dedup, reading(5641s), {}, Timestamp{0s}) == Seen::forgotten);
}

TEST_CASE("seq and boot without a time are remembered for the identity window of arrival") {
  Dedup dedup(5min, 24h);
  const Timestamp start{1'000'000s};
  CHECK_FALSE(repeats(dedup, reading(1s, 1, true), start, Timestamp::max()));
  CHECK(repeats(dedup, reading(2s, 1, true), start + 23h, Timestamp::max()));
  CHECK_FALSE(repeats(dedup, reading(3s, 1, true), start + 28h, Timestamp::max()));
}

TEST_CASE("times before the epoch have buckets of their own") {
  Dedup dedup(5min, 24h);
  CHECK_FALSE(repeats(dedup, reading(-10s), {}, Timestamp{-300s}));
  CHECK(repeats(dedup, reading(-10s), {}, Timestamp{-300s}));
  repeats(dedup, reading(10s), {}, Timestamp{0s});
  CHECK(dedup.remembered() == 1);
}
