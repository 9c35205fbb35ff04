#include "gateway/window.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>
#include <set>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

WindowConfig window(const std::string& name, Microseconds size, std::vector<GroupBy> by,
                    std::optional<Microseconds> lag = {}) {
  WindowConfig config;
  config.name = name;
  config.size = size;
  config.by = std::move(by);
  config.lag = lag;
  return config;
}

struct Rig {
  explicit Rig(const std::vector<WindowConfig>& configs, Microseconds lag = 60s,
               Microseconds allowed_lateness = 0s)
      : windows(series, configs, times(lag, allowed_lateness)) {}
  static TimeConfig times(Microseconds lag, Microseconds allowed_lateness) {
    TimeConfig time;
    time.lag = lag;
    time.allowed_lateness = allowed_lateness;
    return time;
  }

  std::vector<ClosedWindow> take(const std::string& region, const std::string& sensor,
                                 std::chrono::seconds time, double value = 1,
                                 const std::string& metric = "t") {
    std::vector<ClosedWindow> closed;
    const Reading reading = make(region, sensor, time, value, metric);
    windows.judge(reading);
    windows.take(reading, {Timestamp{time + 1s}, {}}, closed);
    return closed;
  }
  Windows::Judgement judge(const std::string& region, const std::string& sensor, std::chrono::seconds time) {
    return windows.judge(make(region, sensor, time, 1, "t"));
  }
  Reading make(const std::string& region, const std::string& sensor, std::chrono::seconds time, double value,
               const std::string& metric) {
    Reading reading;
    reading.series = *series.intern("net", region, sensor, metric);
    reading.value = value;
    reading.event_time = Timestamp{time};
    return reading;
  }
  SeriesTable series{1000};
  Windows windows;
};

}  // namespace

TEST_CASE("a window closes when the newest reading is lag past its end, not before") {
  Rig rig({window("5m", 5min, {GroupBy::region})});
  CHECK(rig.take("north", "a", 10s, 4).empty());
  CHECK(rig.take("north", "a", 299s, 6).empty());
  CHECK(rig.take("north", "a", 300s, 100).empty());
  CHECK(rig.take("north", "a", 359s, 100).empty());
  const auto closed = rig.take("north", "a", 360s, 100);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].start == Timestamp{0s});
  CHECK(closed[0].end == Timestamp{300s});
  CHECK(closed[0].watermark == Timestamp{300s});
  CHECK(closed[0].decided == Timestamp{361s});
  CHECK(closed[0].group.text() == "north");
  REQUIRE(closed[0].metrics.size() == 1);
  CHECK(closed[0].metrics[0].count == 2);
  CHECK(closed[0].metrics[0].mean == 5);
  CHECK(closed[0].metrics[0].newest_event == Timestamp{299s});
  CHECK(closed[0].metrics[0].newest_arrival == Timestamp{300s});
}

TEST_CASE("without lag the reading at the end closes the window") {
  Rig rig({window("5m", 5min, {GroupBy::region}, 0s)});
  rig.take("north", "a", 10s);
  const auto closed = rig.take("north", "a", 300s);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].watermark == closed[0].end);
}

TEST_CASE("groups are independent: one region's clock does not close another's windows") {
  Rig rig({window("5m", 5min, {GroupBy::sensor, GroupBy::region, GroupBy::network})});
  rig.take("north", "a", 10s);
  rig.take("south", "b", 20s);
  const auto closed = rig.take("north", "a", 400s);
  std::vector<std::string> groups;
  for (const auto& each : closed) groups.push_back(each.group.text());
  CHECK(groups == std::vector<std::string>{"north/a", "north", "_all"});
  CHECK(closed[2].metrics[0].count == 2);
  CHECK(closed[2].metrics[0].sensors == 2);
  CHECK(rig.take("south", "b", 30s).empty());
  CHECK(rig.judge("south", "b", 30s).taken);
  CHECK(rig.judge("south", "b", 30s).refused_by == std::vector<std::string>{"5m/_all"});
}

TEST_CASE("a reading that every window refuses is late, by how much") {
  Rig rig({window("5m", 5min, {GroupBy::region}), window("1h", 1h, {GroupBy::region})});
  rig.take("north", "a", 4000s);
  const auto verdict = rig.judge("north", "a", 100s);
  CHECK(verdict.covered);
  CHECK_FALSE(verdict.taken);
  CHECK(verdict.refused_by == std::vector<std::string>{"5m/north", "1h/north"});
  CHECK(verdict.late_by == 3840s);
  CHECK(rig.judge("north", "a", 3700s).taken);
  CHECK(rig.judge("north", "a", 3600s).refused_by == std::vector<std::string>{"5m/north"});
}

TEST_CASE("windows cover the metrics they name") {
  auto only_smoke = window("w", 5min, {GroupBy::region});
  only_smoke.metrics = {"smoke"};
  Rig rig({only_smoke});
  CHECK_FALSE(rig.judge("north", "a", 1s).covered);
  rig.take("north", "a", 1s, 1, "smoke");
  // A metric that no window covers is still evidence of time for its group.
  CHECK(rig.take("north", "a", 360s, 1, "t").size() == 1);
}

TEST_CASE("metrics of one window close together, by name") {
  Rig rig({window("5m", 5min, {GroupBy::region})});
  rig.take("north", "a", 1s, 1, "z");
  rig.take("north", "a", 2s, 2, "a");
  const auto closed = rig.take("north", "a", 360s, 1, "z");
  REQUIRE(closed.size() == 1);
  REQUIRE(closed[0].metrics.size() == 2);
  CHECK(closed[0].metrics[0].metric == "a");
  CHECK(closed[0].metrics[1].metric == "z");
}

TEST_CASE("an offset shifts the windows, also below the epoch") {
  auto shifted = window("w", 5min, {GroupBy::region}, 0s);
  shifted.offset = 1min;
  Rig rig({shifted});
  rig.take("north", "a", -250s);
  const auto closed = rig.take("north", "a", 60s);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].start == Timestamp{-540s});
  CHECK(closed[0].end == Timestamp{-240s});
}

TEST_CASE("open windows are counted as they come and go") {
  Rig rig({window("5m", 5min, {GroupBy::region})});
  rig.take("north", "a", 1s);
  rig.take("north", "a", 301s);
  CHECK(rig.windows.held() == 2);
  rig.take("north", "a", 361s);
  CHECK(rig.windows.held() == 1);
}

namespace {

/// One reading as the oracle sees it.
struct Event {
  std::string region, sensor;
  std::int64_t time;
  double value;
};

std::vector<Event> random_stream(std::mt19937_64& random) {
  std::vector<Event> events;
  std::int64_t now = static_cast<std::int64_t>(random() % 10'000) - 5'000;
  for (int i = 0; i < 400; ++i) {
    now += static_cast<std::int64_t>(random() % 20);
    const auto delay = static_cast<std::int64_t>(random() % 10 == 0 ? random() % 500 : random() % 30);
    events.push_back({std::string(1, static_cast<char>('n' + random() % 2)),
                      std::string(1, static_cast<char>('a' + random() % 3)), now - delay,
                      static_cast<double>(random() % 1000) / 10});
  }
  return events;
}

struct Naive {
  std::vector<double> values;
  std::set<std::string> sensors;
};

std::int64_t naive_floor(std::int64_t time, std::int64_t size) {
  std::int64_t start = 0;
  while (start > time) start -= size;
  while (start + size <= time) start += size;
  return start;
}

}  // namespace

// The oracle knows no groups, panes or order of closing: it goes over the whole stream once per window and
// group.
TEST_CASE("closed windows equal a naive recomputation over random streams") {
  std::mt19937_64 random(6);
  for (int trial = 0; trial < 100; ++trial) {
    const auto size = static_cast<std::int64_t>(60 + random() % 300);
    const auto lag = static_cast<std::int64_t>(random() % 100);
    Rig rig({window("w", std::chrono::seconds{size}, {GroupBy::sensor, GroupBy::region, GroupBy::network},
                    std::chrono::seconds{lag})});
    const auto events = random_stream(random);
    std::map<std::pair<std::string, std::int64_t>, MetricResult> actual;
    for (const Event& event : events) {
      for (const auto& closed :
           rig.take(event.region, event.sensor, std::chrono::seconds{event.time}, event.value)) {
        const std::int64_t start = closed.start.time_since_epoch() / 1s;
        REQUIRE(actual.emplace(std::pair(closed.group.text(), start), closed.metrics.at(0)).second);
      }
    }
    std::set<std::string> groups;
    for (const Event& e : events) groups.insert({e.region + "/" + e.sensor, e.region, "_all"});
    std::map<std::pair<std::string, std::int64_t>, Naive> expected;
    for (const std::string& group : groups) {
      std::optional<std::int64_t> newest;
      for (const Event& e : events) {
        if (group != "_all" && group != e.region && group != e.region + "/" + e.sensor) continue;
        const std::int64_t start = naive_floor(e.time, size);
        if (!newest || *newest - lag < start + size) {
          auto& slot = expected[{group, start}];
          slot.values.push_back(e.value);
          slot.sensors.insert(e.region + "/" + e.sensor);
        }
        newest = std::max(newest.value_or(e.time), e.time);
      }
      std::erase_if(expected, [&](const auto& entry) {
        return entry.first.first == group && *newest - lag < entry.first.second + size;
      });
    }
    REQUIRE(actual.size() == expected.size());
    for (const auto& [key, naive] : expected) {
      REQUIRE(actual.contains(key));
      const MetricResult& result = actual.at(key);
      long double sum = 0;
      for (const double value : naive.values) sum += value;
      REQUIRE(result.count == naive.values.size());
      REQUIRE(result.sensors == naive.sensors.size());
      REQUIRE(result.min == *std::ranges::min_element(naive.values));
      REQUIRE(result.max == *std::ranges::max_element(naive.values));
      REQUIRE(result.sum == Approx(static_cast<double>(sum)).epsilon(1e-12));
    }
  }
}
