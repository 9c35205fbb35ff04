#include "gateway/lateness.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "gateway/lateness_report.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

// Delays of many shapes, in microseconds.
std::vector<std::int64_t> delays(unsigned seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> lognormal(13, 2.5);
  std::vector<std::int64_t> values;
  for (int i = 0; i < 5000; ++i) {
    values.push_back(static_cast<std::int64_t>(std::min(lognormal(random), 30.0 * 86400e6)));
    if (i % 50 == 0) values.push_back(-static_cast<std::int64_t>(random() % 5'000'000));
    if (i % 70 == 0) values.push_back(static_cast<std::int64_t>(random() % 2000));
    if (i % 90 == 0) values.push_back(480'000);
  }
  return values;
}

DelayHistogram histogram_of(const std::vector<std::int64_t>& values) {
  DelayHistogram histogram;
  for (const std::int64_t value : values) histogram.add(Microseconds{value});
  return histogram;
}

}  // namespace

TEST_CASE("every quantile is within one bucket of the sorted delays' own") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    auto values = delays(seed);
    const DelayHistogram histogram = histogram_of(values);
    std::ranges::sort(values);
    CHECK(histogram.count() == values.size());
    CHECK(histogram.max().count() == values.back());
    CHECK(histogram.ahead() ==
          static_cast<std::uint64_t>(std::ranges::lower_bound(values, 0) - values.begin()));
    for (double q = 0.001; q <= 1; q += 0.001) {
      const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
      const std::int64_t exact = values[std::max(rank, std::size_t{1}) - 1];
      const std::int64_t found = histogram.quantile(q).count();
      REQUIRE(found >= exact);
      // One sixteenth of the power of two below it, and a microsecond for rounding.
      REQUIRE(static_cast<double>(found) <=
              std::max(1000.0, static_cast<double>(exact) * (1 + 1 / 16.0) + 1));
    }
    CHECK(histogram.quantile(1) == histogram.max());
  }
}

TEST_CASE("the share beyond a lag is within one bucket of the count") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    auto values = delays(seed);
    const DelayHistogram histogram = histogram_of(values);
    std::ranges::sort(values);
    const auto beyond = [&](double us) {
      const auto longer = values.end() - std::ranges::upper_bound(values, static_cast<std::int64_t>(us));
      return static_cast<double>(longer) / static_cast<double>(values.size());
    };
    for (double us = 1000; us < 60 * 86400e6; us *= 1.013) {
      const double share = histogram.share_beyond(Microseconds{static_cast<std::int64_t>(us)});
      REQUIRE(share <= beyond(us / (1 + 1 / 16.0) - 1) + 1e-12);
      REQUIRE(share >= beyond(us * (1 + 1 / 16.0) + 1) - 1e-12);
    }
    CHECK(histogram.share_beyond(histogram.max()) == 0);
  }
}

TEST_CASE("a lag of 0 keeps what is ahead, and a maximum below the lag means that nothing is late") {
  const DelayHistogram histogram = histogram_of({-5'000'000, -1, 100, 59'900'000});
  CHECK(histogram.ahead() == 2);
  CHECK(histogram.share_beyond(0s) == 0.5);
  CHECK(histogram.share_beyond(60s) == 0);
  CHECK(histogram.share_beyond(59900ms) == 0);
  CHECK(histogram.share_beyond(59s) == 0.25);
  // The bucket (59.392, 61.44] s ends at the maximum, 59.9 s.
  CHECK(histogram_of({59'500'000, 59'900'000}).share_beyond(59800ms) == Approx(0.1 / (59.9 - 59.392)));
  CHECK(histogram_of({-7000, -9000}).quantile(0.5) == -7ms);
}

TEST_CASE("bounds of buckets belong to them") {
  // 1 ms, 1 ms + 1/16 rounded up to a microsecond, 2 ms, 4 ms, about 36 days.
  for (const std::int64_t bound : {1000L, 1063L, 1125L, 2000L, 2125L, 4000L, 1000L << 31}) {
    CAPTURE(bound);
    CHECK(histogram_of({bound, 1L << 60}).quantile(0.5).count() == bound);
    CHECK(histogram_of({bound + 1, 1L << 60}).quantile(0.5).count() > bound + 1);
  }
}

TEST_CASE("an empty histogram has nothing to say") {
  const DelayHistogram empty;
  CHECK(empty.quantile(0.99) == 0s);
  CHECK(empty.max() == 0s);
  CHECK(empty.share_beyond(0s) == 0);
  CHECK(delays_json(empty, 60s).dump() == R"({"readings":0,"ahead":0,"lag_s":60.0,"beyond_lag":0.0})");
}

TEST_CASE("sensors are told apart, numbers may have gaps") {
  constexpr SeriesId a = 4, b = 9;
  Lateness lateness;
  CHECK_FALSE(lateness.span());
  const Timestamp event_time{1795346400s};
  lateness.note(70, b, event_time, event_time + 3s);
  lateness.note(2, a, event_time + 10s, event_time + 11s);
  lateness.note(70, b, event_time - 1s, event_time + 4s);
  std::vector<std::pair<SeriesId, std::uint64_t>> heard;
  lateness.for_each_sensor(
      [&](const Lateness::Sensor& sensor) { heard.emplace_back(*sensor.series, sensor.delays.count()); });
  CHECK(heard == std::vector<std::pair<SeriesId, std::uint64_t>>{{a, 1}, {b, 2}});
  CHECK(lateness.overall().count() == 3);
  CHECK(lateness.overall().max() == 5s);
  REQUIRE(lateness.span());
  CHECK(lateness.span()->oldest == event_time - 1s);
  CHECK(lateness.span()->newest == event_time + 10s);
}

TEST_CASE("delays as JSON") {
  // Upper bounds by hand: 480 ms lies in (464, 480], 2 s in (1.984, 2.048] s, the maximum is exact.
  const auto json = delays_json(histogram_of({-1, 480'000, 480'000, 2'000'000, 70'000'000}), 60s);
  CHECK(json.dump() ==
        R"({"readings":5,"ahead":1,"p50_s":0.48,"p95_s":70.0,"p99_s":70.0,"p99_9_s":70.0,"max_s":70.0,)"
        R"("lag_s":60.0,"beyond_lag":0.2})");
  CHECK(delays_json(histogram_of({2'000'000, 2'000'000, 70'000'000}), 60s)["p50_s"] == 2.048);
}

TEST_CASE("delays for people are rounded up") {
  CHECK(round_up(480ms) == "480ms");
  CHECK(round_up(3137ms) == "3.2s");
  CHECK(round_up(3100ms) == "3.1s");
  CHECK(round_up(510284ms) == "8.6m");
  CHECK(round_up(59999ms) == "60s");
  CHECK(round_up(60s) == "1.0m");
  CHECK(round_up(9990ms) == "10s");
  CHECK(round_up(36h) == "1.5d");
  CHECK(round_up(2h) == "2.0h");
  CHECK(round_up(1us) == "0.1ms");
  CHECK(round_up(0us) == "0ms");
  CHECK(round_up(-1500ms) == "-1.5s");
}
