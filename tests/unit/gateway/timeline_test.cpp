#include "gateway/timeline.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kStart{1795346400s};

journal::Record message(Timeline& timeline, Microseconds after_start) {
  return timeline.message({kStart + after_start, "topic", "payload"});
}

}  // namespace

TEST_CASE("connected time passes with the arrivals, a step back adds none") {
  Timeline timeline(true);
  std::vector<Microseconds> connected;
  for (const auto at : {5s, 7s, 7s, 3s, 4s, 14s}) connected.push_back(message(timeline, at).stamp.connected);
  CHECK(connected == std::vector<Microseconds>{0s, 2s, 2s, 2s, 3s, 13s});
}

TEST_CASE("a message becomes a record, numbered from 0") {
  Timeline timeline(false);
  CHECK(message(timeline, 1s).offset == 0);
  const auto record = message(timeline, 2s);
  CHECK(record.offset == 1);
  CHECK(record.kind == journal::Kind::message);
  CHECK(record.message.arrival == kStart + 2s);
  CHECK(record.message.topic == "topic");
  CHECK(record.message.payload == "payload");
  CHECK_FALSE(record.stamp.trusted);
  CHECK(message(*std::make_unique<Timeline>(true), 1s).stamp.trusted);
}

TEST_CASE("a deadline that passes before the next message gets a tick, one that does not gets none") {
  Timeline timeline(true);
  CHECK_FALSE(timeline.tick_before(kStart, 0s));
  message(timeline, 0s);
  CHECK_FALSE(timeline.tick_before(kStart + 10s, std::nullopt));
  CHECK_FALSE(timeline.tick_before(kStart + 10s, 10s));
  CHECK_FALSE(timeline.tick_before(kStart - 10s, 1s));
  const auto first = timeline.tick_before(kStart + 10s, 4s);
  REQUIRE(first);
  CHECK(first->kind == journal::Kind::tick);
  CHECK(first->offset == 1);
  CHECK(first->message.arrival == kStart + 4s);
  CHECK(first->message.topic.empty());
  CHECK(first->stamp.connected == 4s);
  const auto second = timeline.tick_before(kStart + 10s, 5s);
  REQUIRE(second);
  CHECK(second->stamp.connected == 9s);
  CHECK_FALSE(timeline.tick_before(kStart + 10s, 5s));
  const auto next = message(timeline, 10s);
  CHECK(next.stamp.connected == 10s);
  CHECK(next.offset == 3);
}

TEST_CASE("after a step back a tick follows connected time") {
  Timeline timeline(true);
  message(timeline, 0s);
  message(timeline, 100s);
  message(timeline, 50s);
  const auto tick = timeline.tick_before(kStart + 60s, 5s);
  REQUIRE(tick);
  CHECK(tick->stamp.connected == 105s);
  CHECK(tick->message.arrival == kStart + 55s);
  CHECK_FALSE(timeline.tick_before(kStart + 60s, 5s));
}

TEST_CASE("a deadline that does not move is no endless loop") {
  for (const auto due : {0s, -3s}) {
    Timeline timeline(true);
    message(timeline, 0s);
    const auto tick = timeline.tick_before(kStart + 10s, due);
    REQUIRE(tick);
    CHECK(tick->stamp.connected == 0s);
    CHECK_FALSE(timeline.tick_before(kStart + 10s, due));
    message(timeline, 10s);
    CHECK(timeline.tick_before(kStart + 20s, due));
  }
}

TEST_CASE("no recording makes connected time overflow") {
  Timeline timeline(true);
  journal::Record last;
  for (int i = 0; i < 1000; ++i) last = timeline.message({i % 2 == 0 ? kEarliestTime : kLatestTime, "t", ""});
  CHECK(last.stamp.connected == kLatestTime - kEarliestTime);
}
