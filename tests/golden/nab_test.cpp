// Real temperatures with gaps and a step back in time (numenta/NAB): what is missing must be missing in the
// results, and a clock that was set back must not pass in silence.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "tests/golden/cases.h"
#include "tests/golden/recorded.h"
#include "tests/support/ledger.h"

using namespace lookout::test;
using nlohmann::json;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "1h"
size = "1h"
by = ["sensor"]
)";
constexpr const char* kUntrusted = "[box]\nclock = \"untrusted\"\n";

struct Hour {
  std::uint64_t count = 0;
  double sum = 0, min = 0, max = 0;
};
using Hours = std::map<std::string, Hour>;  // by the text of its start, "2014-01-07T02"

struct File {
  std::string recording;
  Hours hours;  // straight from the lines: the hour is the first part of the text
  std::uint64_t rows = 0;
};

// Each row arrives at its own time, taken as UTC.
File read(const std::filesystem::path& path, const std::string& sensor) {
  File file;
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {  // 2013-07-04 00:00:00,69.88083514
    const std::string hour = line.substr(0, 10) + 'T' + line.substr(11, 2);
    const std::string time = hour + line.substr(13, 6) + 'Z';
    const double value = std::stod(line.substr(20));
    file.recording += recorded_message(time, "sensors/nab/plant/" + sensor + "/temperature",
                                       {{"event_time", time}, {"value", value}});
    Hour& of = file.hours[hour];
    of.min = of.count == 0 ? value : std::min(of.min, value);
    of.max = of.count == 0 ? value : std::max(of.max, value);
    of.sum += value;
    ++of.count;
    ++file.rows;
  }
  return file;
}

bool is_same(const Hour& hour, const json& payload) {
  return payload["count"] == hour.count && payload["sum"].get<double>() == Approx(hour.sum).epsilon(1e-9) &&
         payload["min"] == hour.min && payload["max"] == hour.max;
}

// Every hour that has rows, with all of them, and no other.
void check_hours(const Finished& finished, const Hours& expected) {
  REQUIRE(finished.code == 0);
  std::vector<std::string> wrong;
  const auto kept = kept_aggregates(lines_of(finished.out));
  for (const auto& [id, payload] : kept) {
    const std::string start = payload["start"];
    const auto hour = expected.find(start.substr(0, 13));
    if (hour == expected.end() || start.substr(13) != ":00:00Z" ||
        epoch_of(payload["end"]) - epoch_of(start) != 3600 || !is_same(hour->second, payload))
      wrong.push_back(payload.dump());
  }
  CHECK(wrong == std::vector<std::string>{});
  CHECK(kept.size() == expected.size());
}

// No row is a repeat: where a time stands twice, the values differ.
void check_books(const Finished& finished, std::uint64_t rows) {
  CHECK(figure(finished, "messages") == rows);
  CHECK(figure(finished, "received") == rows);
  CHECK(figure(finished, "accepted") == rows);
  CHECK(figure(finished, "refusals") == 0);
}

// Between hours that follow each other in the results.
std::size_t gaps_in(const Finished& finished) {
  std::vector<double> starts;
  for (const auto& [id, payload] : kept_aggregates(lines_of(finished.out)))
    starts.push_back(epoch_of(payload["start"]));
  std::ranges::sort(starts);
  std::size_t gaps = 0;
  for (std::size_t i = 1; i < starts.size(); ++i) gaps += starts[i] - starts[i - 1] > 3600 ? 1 : 0;
  return gaps;
}

json lateness(const Recorded& recorded) {
  const auto finished = recorded.run("lateness", {"--json"});
  REQUIRE(finished.code == 0);
  return json::parse(finished.out);
}

}  // namespace

// One row an hour, on the hour; so an hour without a row is a window without data.
TEST_CASE("nab ambient temperature: ten gaps are ten gaps in the hours, whatever the clock is worth") {
  const auto folder = case_folder("nab");
  if (!folder) return;
  const File file = read(*folder / "ambient_temperature_system_failure.csv", "ambient");
  REQUIRE(file.rows == 7267);
  REQUIRE(file.hours.size() == 7267);
  for (const std::string box : {"", kUntrusted}) {
    CAPTURE(box);
    const Recorded recorded(box + kConfig);
    recorded.record(file.recording);
    const auto finished = recorded.run("backtest");
    check_hours(finished, file.hours);
    check_books(finished, 7267);
    CHECK(gaps_in(finished) == 10);
    CHECK(figure(finished, "corrected") == 0);
    CHECK(lateness(recorded)["all"]["max_s"] == 0.0);
  }
}

// 2014-01-07: after 02:55 comes 02:00 again, and the twelve times until 02:55 have other values. The hour
// from 02:00 has 24 rows, all of them measured in it as far as anybody can tell.
//
// With a trusted clock the box's own time has gone back (arrival = row): at 02:00 the watermark, which stands
// on 02:55, is further ahead than max_future and is set back. The window, which has begun in time, stays, and
// no reading is late: what shows the step is watermarks_set_back.
TEST_CASE("nab machine temperature: the repeated hour counts twice when the box's own clock steps back") {
  const auto folder = case_folder("nab");
  if (!folder) return;
  const File file = read(*folder / "machine_temperature_system_failure.csv", "machine");
  REQUIRE(file.rows == 22695);
  REQUIRE(file.hours.at("2014-01-07T02").count == 24);
  const Recorded recorded(kConfig);
  recorded.record(file.recording);
  const auto finished = recorded.run("backtest");
  check_hours(finished, file.hours);
  check_books(finished, 22695);
  CHECK(gaps_in(finished) == 0);
  CHECK(figure(finished, "corrected") == 0);
  CHECK(lateness(recorded)["all"]["max_s"] == 0.0);
}

TEST_CASE("nab machine temperature: the summary says that the clock stepped back") {
  const auto folder = case_folder("nab");
  if (!folder) return;
  const Recorded recorded(kConfig);
  recorded.record(read(*folder / "machine_temperature_system_failure.csv", "machine").recording);
  CHECK(figure(recorded.run("backtest"), "watermarks? set back") == 1);
}

// With an untrusted clock the sensor is the only witness of the time, and the newest it has said is 02:55:
// the rows of the repeated hour are 55 minutes late each, for time goes on while they come. A row every five
// minutes is silence for longer than `idle`, 90 s: the hour that is one minute of lag from its end, six
// minutes from 02:55, closes 6.5 minutes after it, 90 s after the second row of twelve. The other ten correct
// it, each for itself.
TEST_CASE("nab machine temperature: when the sensor's clock steps back, its readings are late and correct") {
  const auto folder = case_folder("nab");
  if (!folder) return;
  const File file = read(*folder / "machine_temperature_system_failure.csv", "machine");
  const Recorded recorded(std::string(kUntrusted) + kConfig);
  recorded.record(file.recording);
  const auto finished = recorded.run("backtest");
  check_hours(finished, file.hours);
  check_books(finished, 22695);
  CHECK(figure(finished, "corrected") == 10);
  CHECK(figure(finished, "aggregates") == file.hours.size() + 10);
  const auto kept = kept_aggregates(lines_of(finished.out));
  const auto hour = std::ranges::find_if(
      kept, [](const auto& each) { return each.second["start"] == "2014-01-07T02:00:00Z"; });
  REQUIRE(hour != kept.end());
  CHECK(hour->second["revision"] == 10);
  CHECK(hour->second["late"] == 10);
  CHECK(hour->second["closed_by"] == "late");
  const auto report = lateness(recorded);
  CHECK(report["all"]["max_s"] == 3300.0);
  CHECK(report["all"]["beyond_lag"] == Approx(12 / 22695.0));
  CHECK(report["books"]["corrected"] == 10);
}
