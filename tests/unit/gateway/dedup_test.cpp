#include "gateway/dedup.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

Reading reading(std::chrono::seconds time, double value = 1, bool time_is_arrival = false) {
  Reading made;
  made.value = value;
  made.event_time = Timestamp{time};
  made.time_is_arrival = time_is_arrival;
  made.seq = 1;
  made.boot = "b";
  made.identity =
      identify({1, 2}, time_is_arrival ? std::nullopt : std::optional(made.event_time), value, 1, "b");
  return made;
}

}  // namespace

TEST_CASE("the set of identities agrees with std::set") {
  std::mt19937_64 random(5);
  // Few distinct ones, half of which want the same few slots.
  std::vector<Identity> pool;
  for (std::uint64_t i = 0; i < 5'000; ++i) pool.push_back({i, random()});
  for (std::uint64_t i = 0; i < 5'000; ++i) pool.push_back({i, i % 8});
  IdentitySet set;
  std::set<Identity> model;
  for (int i = 0; i < 30'000; ++i) {
    const Identity& identity = pool[random() % pool.size()];
    REQUIRE(set.contains(identity) == model.contains(identity));
    REQUIRE(set.insert(identity) == model.insert(identity).second);
    REQUIRE(set.size() == model.size());
  }
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
  CHECK_FALSE(dedup.is_repeat(0, reading(1000s), {}, Timestamp{0s}));
  CHECK(dedup.is_repeat(0, reading(1000s), {}, Timestamp{0s}));
  CHECK_FALSE(dedup.is_repeat(0, reading(1000s, 2), {}, Timestamp{0s}));
  CHECK_FALSE(dedup.is_repeat(0, reading(1001s), {}, Timestamp{0s}));
  CHECK(dedup.remembered() == 3);
}

TEST_CASE("readings without identity are never repeats") {
  Dedup dedup(5min, 24h);
  Reading none = reading(1000s);
  none.identity.reset();
  CHECK_FALSE(dedup.is_repeat(0, none, {}, Timestamp{0s}));
  CHECK_FALSE(dedup.is_repeat(0, none, {}, Timestamp{0s}));
  CHECK(dedup.remembered() == 0);
}

TEST_CASE("what lies before the horizon is forgotten, and nothing behind it") {
  Dedup dedup(5min, 24h);
  for (int i = 0; i < 100; ++i) dedup.is_repeat(0, reading(std::chrono::seconds{i * 60}), {}, Timestamp{0s});
  CHECK(dedup.remembered() == 100);
  CHECK(dedup.is_repeat(0, reading(5940s), {}, Timestamp{5700s}));
  CHECK(dedup.remembered() == 5);  // of the bucket [5700, 6000)
  for (int i = 95; i < 100; ++i)
    CHECK(dedup.is_repeat(0, reading(std::chrono::seconds{i * 60}), {}, Timestamp{5700s}));
}

TEST_CASE("seq and boot without a time are remembered for the identity window of arrival") {
  Dedup dedup(5min, 24h);
  const Timestamp start{1'000'000s};
  CHECK_FALSE(dedup.is_repeat(0, reading(1s, 1, true), start, Timestamp::max()));
  CHECK(dedup.is_repeat(0, reading(2s, 1, true), start + 23h, Timestamp::max()));
  CHECK_FALSE(dedup.is_repeat(0, reading(3s, 1, true), start + 28h, Timestamp::max()));
}

TEST_CASE("times before the epoch have buckets of their own") {
  Dedup dedup(5min, 24h);
  CHECK_FALSE(dedup.is_repeat(0, reading(-10s), {}, Timestamp{-300s}));
  CHECK(dedup.is_repeat(0, reading(-10s), {}, Timestamp{-300s}));
  dedup.is_repeat(0, reading(10s), {}, Timestamp{0s});
  CHECK(dedup.remembered() == 1);
}
