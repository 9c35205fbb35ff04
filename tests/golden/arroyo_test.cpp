// Windows whose results a stream processor's own tests have: the inputs and golden outputs of Arroyo
// (ArroyoSystems/arroyo, crates/arroyo-sql-testing). What a window is called differs, what is in it must not.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/golden/cases.h"
#include "tests/golden/recorded.h"
#include "tests/support/ledger.h"

using namespace lookout::test;
using nlohmann::json;

namespace {

constexpr const char* kInput = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
)";

// Windows of one configuration as text, sorted, one entry a window: nothing missing and nothing extra is one
// comparison.
using Rows = std::vector<std::string>;

// The times are RFC 3339 with Z here and without a zone, but in UTC, there. Both to the millisecond.
std::string span(double start, double end) { return fmt::format("{:.3f} to {:.3f}", start, end); }

template <typename Describe>
Rows golden(const std::filesystem::path& folder, const std::string& name, Describe describe) {
  Rows rows;
  for (const json& row : lines_of(slurp(folder / "golden_outputs" / (name + ".json"))))
    rows.push_back(describe(row));
  std::ranges::sort(rows);
  return rows;
}

template <typename Describe>
Rows ours(const std::map<std::string, json>& kept, const std::string& window, Describe describe) {
  Rows rows;
  for (const auto& [id, payload] : kept) {
    if (payload["window"] == window) rows.push_back(describe(payload));
  }
  std::ranges::sort(rows);
  return rows;
}

std::string span_of(const json& row) { return span(epoch_of(row["start"]), epoch_of(row["end"])); }

// A ride's event type is its region; all rides of a type come from one sensor. Many of them have the same
// whole second, so the line number serves as seq, or they would be repeats. A line arrives when the newest
// time so far has come, and so up to 23 s after its own.
std::string car_line(const json& car, const std::string& arrival, std::uint64_t number) {
  return recorded_message(arrival,
                          fmt::format("sensors/arroyo/{}/cars/ride", car["event_type"].get<std::string>()),
                          {{"event_time", car["timestamp"]}, {"value", 1}, {"seq", number}});
}

struct Cars {
  std::string recording;
  // Lines that come when another has a time beyond their minute, and beyond their hour.
  std::uint64_t after_the_minute = 0, after_the_hour = 0;
};

Cars cars(const std::filesystem::path& folder) {
  Cars cars;
  std::string newest;  // RFC 3339 of one form sorts as text
  std::uint64_t number = 0;
  for (const json& car : lines_of(slurp(folder / "inputs/cars.json"))) {
    const std::string time = car["timestamp"];
    const auto after = [&](std::size_t length) {
      return std::uint64_t{time.substr(0, length) < newest.substr(0, length)};
    };
    cars.after_the_hour += after(std::string_view("2023-09-18T14").size());
    cars.after_the_minute += after(std::string_view("2023-09-18T14:23").size());
    newest = std::max(newest, time);
    cars.recording += car_line(car, newest, ++number);
  }
  return cars;
}

// tight_watermark names an hour by its end, hourly_by_event_type by its start.
Rows golden_hours(const std::filesystem::path& folder) {
  Rows rows = golden(folder, "tight_watermark", [](const json& row) {
    const double end = epoch_of(row["timestamp"]);
    return fmt::format("_all {} count {}", span(end - 3600, end), row["count"].get<int>());
  });
  REQUIRE(rows.size() == 26);
  const Rows by_type = golden(folder, "hourly_by_event_type", [](const json& row) {
    const double start = epoch_of(row["hour"]);
    return fmt::format("{} {} count {}", row["event_type"].get<std::string>(), span(start, start + 3600),
                       row["count"].get<int>());
  });
  REQUIRE(by_type.size() == 51);
  rows.insert(rows.end(), by_type.begin(), by_type.end());
  return rows;
}

// A click every 200 ms; 100 of them. Who clicked is the sensor: 0 where the counter is a multiple of ten.
// They arrive one a second from 17:14:00 on, when the last has been measured, in either order.
std::string impulses(const std::filesystem::path& folder, bool newest_first) {
  auto clicks = lines_of(slurp(folder / "inputs/impulse.json"));
  if (newest_first) std::ranges::reverse(clicks);
  std::string lines;
  for (std::size_t i = 0; i < clicks.size(); ++i) {
    const int counter = clicks[i]["counter"];
    const auto topic = fmt::format("sensors/arroyo/clicks/user-{}/counter", counter % 10 == 0 ? 0 : counter);
    lines += recorded_message(fmt::format("2023-10-09T17:{:02}:{:02}Z", 14 + i / 60, i % 60), topic,
                              {{"event_time", clicks[i]["timestamp"]}, {"value", counter}});
  }
  return lines;
}

void check_impulses(const std::filesystem::path& folder, const std::map<std::string, json>& kept) {
  const auto sliding = [](const json& row) {
    return fmt::format("{} count {} min {} max {}", span_of(row), row["count"].get<int>(),
                       row["min"].get<double>(), row["max"].get<double>());
  };
  const Rows windows = golden(folder, "sliding_window_end", sliding);
  REQUIRE(windows.size() == 14);
  CHECK(ours(kept, "sliding", sliding) == windows);
  Rows sessions = golden(folder, "session_window", [](const json& row) {
    return fmt::format("clicks/user-{} {} count {}", row["user_id"].get<int>(), span_of(row),
                       row["rows"].get<int>());
  });
  REQUIRE(sessions.size() == 91);
  const Rows over_all = golden(folder, "global_session_window", [](const json& row) {
    return fmt::format("_all {} count {}", span_of(row), row["rows"].get<int>());
  });
  REQUIRE(over_all.size() == 1);
  sessions.insert(sessions.begin(), over_all.front());  // "_" sorts before "c"
  CHECK(ours(kept, "session", [](const json& payload) {
          return fmt::format("{} {} count {}", payload["group"].get<std::string>(), span_of(payload),
                             payload["count"].get<int>());
        }) == sessions);
}

}  // namespace

// What Arroyo's watermarks are (tight_watermark has one without a lag, hourly_by_event_type the default)
// makes no difference: no line steps back over the end of its hour, so nothing is dropped there, and nothing
// is late here, with a lag or without.
TEST_CASE("arroyo cars: hours of all rides and by event type") {
  const auto folder = case_folder("windows");
  if (!folder) return;
  const auto [recording, after_the_minute, after_the_hour] = cars(*folder);
  CHECK(after_the_hour == 0);
  for (const std::string lag : {"0", "\"30s\""}) {
    CAPTURE(lag);
    const Recorded recorded("[time]\nlag = " + lag + '\n' + kInput +
                            "[[window]]\nname = \"1h\"\nsize = \"1h\"\nby = [\"region\", \"network\"]\n");
    recorded.record(recording);
    const auto finished = recorded.run("backtest");
    CHECK(ours(kept_aggregates(lines_of(finished.out)), "1h", [](const json& payload) {
            return fmt::format("{} {} count {}", payload["group"].get<std::string>(), span_of(payload),
                               payload["count"].get<int>());
          }) == golden_hours(*folder));
    CHECK(figure(finished, "received") == 7932);
    CHECK(figure(finished, "accepted") == 7932);
    CHECK(figure(finished, "corrected") == 0);
    CHECK(figure(finished, "aggregates") == 26 + 51);
  }
}

// Minutes without a lag close at once, and what steps back over the end of its minute corrects it (that of
// all rides closes no later than that of its event type): whoever keeps the highest revisions has minutes
// that add up to the same hours. `idle` is out of the way: silence closes nothing.
TEST_CASE("arroyo cars: corrected minutes add up to the hours") {
  const auto folder = case_folder("windows");
  if (!folder) return;
  const Recorded recorded("[time]\nlag = 0\nidle = \"2h\"\n" + std::string(kInput) +
                          "[[window]]\nname = \"1m\"\nsize = \"1m\"\nby = [\"region\", \"network\"]\n");
  const auto [recording, after_the_minute, after_the_hour] = cars(*folder);
  recorded.record(recording);
  const auto finished = recorded.run("backtest");
  std::map<std::string, int> hours;
  for (const auto& [id, payload] : kept_aggregates(lines_of(finished.out))) {
    const double hour = std::floor(epoch_of(payload["start"]) / 3600) * 3600;
    hours[fmt::format("{} {}", payload["group"].get<std::string>(), span(hour, hour + 3600))] +=
        payload["count"].get<int>();
  }
  Rows rows;
  for (const auto& [hour, count] : hours) rows.push_back(fmt::format("{} count {}", hour, count));
  CHECK(rows == golden_hours(*folder));
  CHECK(after_the_minute > 0);
  CHECK(figure(finished, "corrected") == after_the_minute);
  CHECK(figure(finished, "accepted") == 7932);
}

// Both align sliding windows to the epoch, and both put out the partial ones at either end. A session ends a
// gap after its last reading in both: start, end and rows can be compared as they are. (Two events exactly a
// gap apart are one session here; this input has none, so it does not tell about Arroyo.) Newest first, every
// session begins at its end and sliding windows that have closed are corrected: the results are the same.
TEST_CASE("arroyo impulse: sliding windows and sessions, by user and over all, in order and newest first") {
  const auto folder = case_folder("windows");
  if (!folder) return;
  const Recorded recorded(std::string(kInput) + R"(
[time]
lag = 0
[[window]]
name = "sliding"
kind = "sliding"
size = "10s"
step = "2s"
by = ["network"]
[[window]]
name = "session"
kind = "session"
gap = "20s"
by = ["sensor", "network"]
)");
  for (const bool newest_first : {false, true}) {
    CAPTURE(newest_first);
    recorded.record(impulses(*folder, newest_first));
    const auto finished = recorded.run("backtest");
    REQUIRE(finished.code == 0);
    CHECK(figure(finished, "accepted") == 100);
    // Newest first, all but those of the last pane, from 38 s on, come after a sliding window of theirs
    // closed.
    CHECK(figure(finished, "corrected") == (newest_first ? 90 : 0));
    check_impulses(*folder, kept_aggregates(lines_of(finished.out)));
  }
}
