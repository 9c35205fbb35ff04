// A fleet whose readings come as late as those of a real one: 80 % within 10 s, 95 % within 2 minutes, 99 %
// within 8 minutes, the rest within 6 hours. The report must say so, and what it costs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/golden/recorded.h"
#include "tests/support/ledger.h"

using namespace lookout::test;
using nlohmann::json;

namespace {

constexpr const char* kConfig = R"(
[time]
lag = "60s"
idle = "90s"
allowed_lateness = "10m"
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "5m"
size = "5m"
)";
constexpr std::int64_t kSecond = 1'000'000;  // all times in microseconds
constexpr std::int64_t kLag = 60 * kSecond, kIdle = 90 * kSecond, kAllowed = 600 * kSecond,
                       kSize = 300 * kSecond;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min() / 2;
constexpr std::uint64_t kReadings = 200 * 180;  // 200 sensors, once a minute for 3 hours
constexpr double kBucket = 1 / 16.0;            // the relative width of the report's buckets

struct Reading {
  std::string region, sensor;
  std::int64_t event_time, arrival;
};

std::vector<Reading> read(const std::string& recording) {
  std::vector<Reading> readings;
  const auto microseconds = [](double seconds) { return std::llround(seconds * 1e6); };
  for (const json& line : lines_of(slurp(recording))) {
    const std::string topic = line["topic"];  // sensors/fleet/{region}/{sensor}/temperature
    const auto region = topic.find('/', 8) + 1, sensor = topic.find('/', region) + 1;
    const auto payload = json::parse(line["payload"].get<std::string>());
    readings.push_back({topic.substr(region, sensor - 1 - region),
                        topic.substr(sensor, topic.rfind('/') - sensor), microseconds(payload["event_time"]),
                        microseconds(epoch_of(line["arrival"]))});
  }
  return readings;
}

// The distribution asked for, straight from quantile to quantile: the delay that a share of readings stays
// below, in seconds.
double delay_at(double share) {
  static constexpr std::array<std::pair<double, double>, 5> kQuantiles{
      {{0, 0}, {0.8, 10}, {0.95, 120}, {0.99, 480}, {1, 21600}}};
  for (std::size_t i = 1; i < kQuantiles.size(); ++i) {
    const auto [from, low] = kQuantiles[i - 1];
    const auto [to, high] = kQuantiles[i];
    if (share <= to) return low + (share - from) / (to - from) * (high - low);
  }
  return 21600;
}

// Four standard deviations of a share among all readings.
double sampling_error(double share) {
  return 4 * std::sqrt(share * (1 - share) / static_cast<double>(kReadings));
}

// The README's section Time for one 5-minute window by sensor, region and network, as simply as it can be
// written down: a list of groups, no panes, no deadlines.
class Model {
 public:
  void take(const Reading& reading) {
    const std::int64_t start = reading.event_time / kSize * kSize, end = start + kSize;
    const std::array<Group*, 3> groups{&groups_[reading.region + '/' + reading.sensor],
                                       &groups_[reading.region], &groups_["_all"]};
    std::uint64_t takers = 0;
    bool corrects = false;
    for (Group* group : groups) {
      group->fall_silent(reading.arrival);
      if (end + kAllowed <= group->newest - kLag) continue;
      ++takers;
      corrects |= end <= std::max(group->closed_through, group->newest - kLag);
      ++group->counts[start];
    }
    if (takers == 0) {
      ++late;
      return;
    }
    ++accepted;
    refused += groups.size() - takers;
    corrected += corrects ? 1 : 0;
    for (Group* group : groups) group->hear(reading);
  }

  // Readings in each window, by group and start.
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const {
    std::map<std::string, std::uint64_t> counts;
    for (const auto& [name, group] : groups_) {
      for (const auto& [start, count] : group.counts)
        counts[fmt::format("{} {}", name, start / kSecond)] = count;
    }
    return counts;
  }

  std::uint64_t accepted = 0, corrected = 0, late = 0, refused = 0;

 private:
  struct Group {
    std::int64_t newest = kNever, newest_arrival = 0, last_arrival = 0;
    std::int64_t closed_through = kNever;          // by silence
    std::map<std::int64_t, std::uint64_t> counts;  // by start

    // max(idle, end - newest + lag) after the last reading, or rather, after the last and the newest one.
    void fall_silent(std::int64_t now) {
      for (auto window = counts.rbegin(); window != counts.rend(); ++window) {
        const std::int64_t end = window->first + kSize;
        if (end <= closed_through) return;
        if (std::max(last_arrival + kIdle, newest_arrival + end + kLag - newest) > now) continue;
        closed_through = end;
        return;
      }
    }
    void hear(const Reading& reading) {
      last_arrival = reading.arrival;
      if (reading.event_time <= newest) return;
      newest = reading.event_time;
      newest_arrival = reading.arrival;
    }
  };
  std::map<std::string, Group> groups_;
};

void simulate_fleet(const Recorded& recorded, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"--network",  "fleet",
                                     "--sensors",  "200",
                                     "--interval", "60s",
                                     "--duration", "3h",
                                     "--metric",   "name=temperature,baseline=22,noise=2",
                                     "--fault",    "kind=delay,p80=10s,p95=2m,p99=8m,max=6h"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  recorded.simulate(arguments);
}

void check_delays(const json& all, std::vector<std::int64_t> delays) {
  std::ranges::sort(delays);
  const auto share_beyond = [&](double seconds) {
    const auto limit = static_cast<std::int64_t>(seconds * kSecond);
    return static_cast<double>(delays.end() - std::ranges::upper_bound(delays, limit)) / kReadings;
  };
  for (const auto& [name, share] :
       std::map<std::string, double>{{"p50_s", 0.5}, {"p95_s", 0.95}, {"p99_s", 0.99}, {"p99_9_s", 0.999}}) {
    CAPTURE(name);
    const double reported = all[name];
    // The recording's own, by nearest rank: no error but that of the bucket.
    const auto rank = static_cast<std::size_t>(std::ceil(share * kReadings));
    const double exact = static_cast<double>(delays[rank - 1]) / kSecond;
    CHECK(reported >= exact);
    CHECK(reported <= exact * (1 + kBucket));
    // The distribution's: that of the sample as well.
    CHECK(reported >= delay_at(share - sampling_error(share)));
    CHECK(reported <= delay_at(share + sampling_error(share)) * (1 + kBucket));
  }
  CHECK(all["max_s"].get<double>() == Approx(static_cast<double>(delays.back()) / kSecond).epsilon(1e-9));
  // 60 s splits the bucket from 59.392 to 61.44 s, of which the report takes its part: the error is that of
  // the sample in the bucket.
  const double in_bucket = 0.15 * (61.44 - 59.392) / (120 - 10);
  const double beyond = all["beyond_lag"];
  CHECK(std::abs(beyond - share_beyond(60)) <= 2 * std::sqrt(in_bucket / kReadings));
  // 60 s lies 50/110 of the way from the 80 % to the 95 % quantile.
  const double expected = 0.2 - 0.15 * 50 / 110;
  CHECK(std::abs(beyond - expected) <= sampling_error(expected));
}

}  // namespace

TEST_CASE("lateness of a fleet: the report gives the delays that were asked for, and what they cost") {
  const Recorded recorded(kConfig);
  simulate_fleet(recorded);
  const auto readings = read(recorded.recording());
  REQUIRE(readings.size() == kReadings);
  std::vector<std::int64_t> delays;
  Model model;
  for (const Reading& reading : readings) {
    delays.push_back(reading.arrival - reading.event_time);
    model.take(reading);
  }
  const auto finished = recorded.run("lateness", {"--json"});
  REQUIRE(finished.code == 0);
  const auto report = json::parse(finished.out);
  CHECK(report["all"]["readings"] == kReadings);
  CHECK(report["sensors"].size() == 200);
  check_delays(report["all"], delays);
  CHECK(report["books"] == json{{"received", kReadings},
                                {"accepted", model.accepted},
                                {"duplicate", 0},
                                {"rejected", 0},
                                {"late", model.late},
                                {"corrected", model.corrected},
                                {"refused", model.refused}});
  CHECK(model.late > 0);
  CHECK(model.corrected > model.refused);
}

// Every tenth sensor is offline for 40 minutes as well and uploads on return, each message with a delay of
// its own: some of what the region's windows refuse, the sensor's own still take.
TEST_CASE("lateness of a fleet: backtest's books and windows are those of a naive recomputation") {
  const Recorded recorded(kConfig);
  simulate_fleet(recorded, {"--fault", "kind=offline,share=0.1,start=1h,duration=40m"});
  Model model;
  for (const Reading& reading : read(recorded.recording())) model.take(reading);
  const auto finished = recorded.run("backtest");
  REQUIRE(finished.code == 0);
  CHECK(figure(finished, "received") == kReadings);
  CHECK(figure(finished, "accepted") == model.accepted);
  CHECK(figure(finished, "late\n") == model.late);
  CHECK(figure(finished, "corrected") == model.corrected);
  CHECK(figure(finished, "refusals") == model.refused);
  CHECK(model.refused > 100);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [id, payload] : kept_aggregates(lines_of(finished.out)))
    counts[fmt::format("{} {:.0f}", payload["group"].get<std::string>(), epoch_of(payload["start"]))] =
        payload["count"];
  CHECK(counts == model.counts());
}
