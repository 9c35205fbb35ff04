#include "bridge/days/sampling.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

const Timestamp kDay = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};

using Times = std::set<Timestamp>;

/// From `from` on as long as it is that day; those of which `is_sent` says so.
Times every(Microseconds interval, Microseconds from, auto is_sent) {
  Times times;
  int i = 0;
  for (Timestamp time = kDay + from; time < kDay + 24h; time += interval) {
    if (is_sent(i++)) times.insert(time);
  }
  return times;
}
Times every(Microseconds interval, Microseconds from = 0s) {
  return every(interval, from, [](int) { return true; });
}

std::optional<Sampling::Completeness> of(const Times& times, Timestamp to = kDay + 24h) {
  Sampling sampling;
  for (const Timestamp time : times) sampling.add(time);
  return sampling.completeness(kDay, to);
}

void check(const Times& times, Microseconds interval, std::uint64_t expected, std::uint64_t missing) {
  const auto found = of(times);
  REQUIRE(found);
  CHECK(std::abs((found->interval - interval).count()) < interval.count() / 50);
  CHECK(found->expected == expected);
  CHECK(found->missing == missing);
}

}  // namespace

TEST_CASE("a regular sensor is expected as often as it measures, whatever its phase") {
  check(every(60s), 60s, 1440, 0);
  check(every(60s, 59s), 60s, 1440, 0);
  check(every(10s, 3s), 10s, 8640, 0);
  check(every(1h, 17min), 1h, 24, 0);
  check(every(7min), 7min, 206, 0);
}

TEST_CASE("gaps are missing, wherever they are and however many") {
  const auto without = [](int from, int to) { return [=](int i) { return i < from || i >= to; }; };
  check(every(60s, 0s, without(100, 101)), 60s, 1440, 1);
  check(every(60s, 0s, without(200, 1300)), 60s, 1440, 1100);
  check(every(60s, 0s, without(0, 300)), 60s, 1440, 300);
  check(every(60s, 0s, without(1000, 1440)), 60s, 1440, 440);
  std::mt19937 random(3);
  std::uint64_t lost = 0;
  const Times lossy = every(60s, 0s, [&](int i) {
    const bool sent = i == 0 || i == 1439 || random() % 10 >= 4;
    lost += sent ? 0 : 1;
    return sent;
  });
  check(lossy, 60s, 1440, lost);
}

TEST_CASE("jitter is neither a gap nor a reading more") {
  std::mt19937 random(5);
  Times times;
  for (int i = 0; i < 1440; ++i) times.insert(kDay + i * 60s + std::chrono::milliseconds{random() % 10'000});
  check(times, 60s, 1440, 0);
}

TEST_CASE("what is sent twice is not expected twice, and hides no gap") {
  Times times;
  for (int i = 0; i < 1440; ++i) {
    if (i >= 300 && i < 600) continue;
    times.insert(kDay + i * 60s);
    times.insert(kDay + i * 60s + 40ms);
  }
  check(times, 60s, 1440, 300);
}

TEST_CASE("an hour of faster measuring does not make the rest of the day a gap") {
  Times times = every(60s);
  for (int second = 0; second < 3600; ++second) times.insert(kDay + 12h + second * 1s);
  const auto found = of(times);
  REQUIRE(found);
  CHECK(found->interval == 60s);
  CHECK(found->missing == 0);
}

TEST_CASE("of an irregular sensor, and of one with two readings, nothing is expected") {
  std::mt19937 random(9);
  std::exponential_distribution<double> wait(1.0 / 60);
  Times times;
  for (Timestamp time = kDay; time < kDay + 24h;
       time += std::chrono::milliseconds{static_cast<std::int64_t>(1000 * wait(random)) + 1})
    times.insert(time);
  CHECK_FALSE(of(times));
  CHECK_FALSE(of({}));
  CHECK_FALSE(of({kDay + 1h, kDay + 2h}));
  CHECK(of({kDay + 1h, kDay + 2h, kDay + 3h}));
}

TEST_CASE("a day that is not over is expected up to now") {
  Times times;
  for (int i = 0; i < 600; ++i) times.insert(kDay + i * 60s);
  const auto found = of(times, kDay + 10h);
  REQUIRE(found);
  CHECK(found->expected == 600);
  CHECK(found->missing == 0);
}
