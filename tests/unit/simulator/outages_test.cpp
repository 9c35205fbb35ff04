#include "simulator/outages.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Arrival {
  Microseconds measured, due;
  bool operator==(const Arrival&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Arrival& arrival) {
  return out << arrival.measured / 1ms << " ms arrives at " << arrival.due / 1ms << " ms";
}

// Of sensor 1, which measures at 5 s, 15 s and so on.
std::vector<Arrival> arrivals(const std::vector<Fault>& faults, std::uint32_t sensor = 1) {
  FaultOptions options;
  options.faults = faults;
  std::vector<Arrival> list;
  for (const Message& message : messages_of(run_faults(pair_of_sensors(), options), sensor)) {
    list.push_back({message.sample.event_time - kStart, message.due - kStart});
  }
  return list;
}

const FaultScope kScope{.sensor = "sensor-001", .start = 60s, .duration = 100s};

std::vector<Arrival> part(const std::vector<Arrival>& list, std::size_t first, std::size_t count) {
  const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

// All sixty of them, each once.
void check_complete(const std::vector<Arrival>& list) {
  std::set<Microseconds> measured;
  for (const Arrival& arrival : list) measured.insert(arrival.measured);
  CHECK(list.size() == 60);
  CHECK(measured.size() == 60);
}

}  // namespace

TEST_CASE("a sensor that was offline uploads on return, oldest first, twenty readings per second") {
  const auto list = arrivals({Outage{kScope}});
  check_complete(list);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto k = static_cast<std::int64_t>(i);
    const Microseconds measured = 5s + k * 10s;
    // 65 s to 155 s are the ten readings without a link.
    REQUIRE(list[i] == Arrival{measured, i >= 6 && i < 16 ? 160s + (k - 6) * 50ms : measured});
  }
}

TEST_CASE("the newest of a backlog goes first where that was asked for") {
  const auto list = arrivals({Outage{kScope, UploadOrder::newest, 2}});
  check_complete(list);
  for (std::size_t i = 0; i < 10; ++i) {
    const auto k = static_cast<std::int64_t>(i);
    // 160.0, 160.5 and so on up to 164.5: the next live reading is that of 165.
    REQUIRE(list[6 + i] == Arrival{155s - k * 10s, 160s + k * 500ms});
  }
  CHECK(list[16] == Arrival{165s, 165s});
}

TEST_CASE("an outage changes neither seq nor what a reading says, and no other sensor") {
  FaultOptions options;
  options.faults = {Outage{kScope, UploadOrder::newest}};
  const auto plain = run_faults(pair_of_sensors(), {}), offline = run_faults(pair_of_sensors(), options);
  CHECK(arrivals({Outage{kScope}}, 0) == arrivals({}, 0));
  std::set<std::tuple<std::uint64_t, Timestamp, double>> before, after;
  for (const auto& [sample, due, repeat, order] : messages_of(plain, 1))
    before.emplace(sample.seq, sample.event_time, sample.values.at(0).number);
  for (const auto& [sample, due, repeat, order] : messages_of(offline, 1))
    after.emplace(sample.seq, sample.event_time, sample.values.at(0).number);
  CHECK(before == after);
}

TEST_CASE("oldest first, what is measured during an upload waits for its turn") {
  const auto list = arrivals({Outage{kScope, UploadOrder::oldest, 0.2}});
  check_complete(list);
  for (std::size_t i = 6; i < 25; ++i) {
    const auto k = static_cast<std::int64_t>(i);
    REQUIRE(list[i] == Arrival{5s + k * 10s, 160s + (k - 6) * 5s});  // five seconds each
  }
  CHECK(list[25] == Arrival{255s, 255s});
  CHECK(list[26] == Arrival{265s, 265s});
}

TEST_CASE("newest first, what is measured during an upload is sent at once") {
  const auto list = arrivals({Outage{kScope, UploadOrder::newest, 0.25}});
  check_complete(list);
  CHECK(part(list, 6, 6) ==
        std::vector<Arrival>{
            {155s, 160s}, {145s, 164s}, {165s, 165s}, {135s, 168s}, {125s, 172s}, {175s, 175s}});
}

TEST_CASE("an upload goes on after the next outage, and nothing arrives in one") {
  const FaultScope scope{.region = "b", .start = 60s, .duration = 60s, .every = 120s};
  for (const auto order : {UploadOrder::oldest, UploadOrder::newest}) {
    const auto list = arrivals({Outage{scope, order, 0.05}});  // three in a minute, where six have piled up
    check_complete(list);
    Microseconds before = 0s;
    for (const auto& [measured, due] : list) {
      REQUIRE((due < 60s || (due - 60s) % 120s >= 60s));
      REQUIRE(due >= std::max(before, measured));
      before = due;
    }
  }
}

TEST_CASE("newest first, what is left of a backlog waits below the next one") {
  const FaultScope scope{.region = "b", .start = 60s, .duration = 60s, .every = 120s};
  std::vector<Arrival> uploads;
  for (const Arrival& arrival : arrivals({Outage{scope, UploadOrder::newest, 0.05}})) {
    if (arrival.due > arrival.measured) uploads.push_back(arrival);
  }
  CHECK(part(uploads, 0, 6) ==
        std::vector<Arrival>{
            {115s, 120s}, {105s, 140s}, {95s, 160s}, {235s, 240s}, {225s, 260s}, {215s, 280s}});
  // Five minutes offline, thirty readings; three a minute, every second minute: the last two at the end.
  REQUIRE(uploads.size() == 30);
  CHECK(uploads[28] == Arrival{75s, 60s + 10 * 120s - 60s + 20s});
  CHECK(uploads[29] == Arrival{65s, 60s + 10 * 120s - 60s + 40s});
}

TEST_CASE("a sensor in two outages is back when none holds any more") {
  const Outage longer{{.sensor = "sensor-001", .start = 150s, .duration = 50s}};
  for (const auto& faults : {std::vector<Fault>{Outage{kScope}, longer}, {longer, Outage{kScope}}}) {
    const auto list = arrivals(faults);
    check_complete(list);
    CHECK(list[5] == Arrival{55s, 55s});
    CHECK(list[6] == Arrival{65s, 200s});
    CHECK(list[19] == Arrival{195s, 200s + 13 * 50ms});
    CHECK(list[20] == Arrival{205s, 205s});
  }
}

TEST_CASE("the rate of an upload counts readings, not messages") {
  Scenario scenario = pair_of_sensors();
  scenario.metrics = {metric_model("temperature"), metric_model("smoke")};
  FaultOptions options;
  options.faults = {Outage{kScope, UploadOrder::oldest, 4}};
  const auto list = messages_of(run_faults(scenario, options, 1, Form::combined), 1);
  CHECK(list[6].due == kStart + 160s);
  CHECK(list[7].due == kStart + 160s + 500ms);
}

TEST_CASE("what is measured up to the end of the data arrives after the return") {
  const FaultScope scope{.sensor = "sensor-001", .start = 560s, .duration = 1h};
  const auto oldest = arrivals({Outage{scope}}), newest = arrivals({Outage{scope, UploadOrder::newest}});
  CHECK(part(oldest, 56, 4) ==
        std::vector<Arrival>{
            {565s, 4160s}, {575s, 4160s + 50ms}, {585s, 4160s + 100ms}, {595s, 4160s + 150ms}});
  CHECK(part(newest, 56, 4) ==
        std::vector<Arrival>{
            {595s, 4160s}, {585s, 4160s + 50ms}, {575s, 4160s + 100ms}, {565s, 4160s + 150ms}});
}

TEST_CASE("what happens on the way comes after the upload") {
  FaultOptions options;
  options.duplicates = 1;
  options.faults = {Outage{kScope}, Delay{{{1, 10s}}}};
  std::size_t offline = 0;
  for (const Message& message : messages_of(run_faults(pair_of_sensors(), options), 1)) {
    const Microseconds measured = message.sample.event_time - kStart;
    if (measured < 60s || measured >= 160s) continue;
    ++offline;
    REQUIRE(message.due - kStart >= 160s);
    REQUIRE(message.due - kStart <= 160s + 450ms + 10s + 5s);
  }
  CHECK(offline == 20);
}
