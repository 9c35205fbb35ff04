#include <fmt/chrono.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

constexpr double kAlarm = 57.2;
constexpr const char* kRules = R"(
[[window]]
name = "10s"
size = "10s"
lag = 0
by = ["region"]
[[rule]]
name = "Ceiling"
window = "10s"
when = "temperature.mean > 57.2"
)";

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
  return cells;
}

struct Fire {
  // Seconds from ignition at which the first window ends whose mean is above the alarm, per quadrant.
  std::map<std::string, double> alarm_window_end;
  // The first instant at which the thermocouple next to the ceiling is at or over the alarm.
  std::map<std::string, double> first_hot;
};

// Straight from the file: quadrant -> window number -> sum and count. Time 0 is ignition and lies on a
// window's edge.
Fire recompute(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const auto header = split(line);
  std::map<std::string, std::map<int, std::pair<double, int>>> windows;
  Fire fire;
  while (std::getline(in, line)) {
    const auto cells = split(line);
    const double time = std::stod(cells.at(0));
    for (std::size_t i = 1; i < cells.size() && i < header.size(); ++i) {
      if (!header[i].starts_with("Quadrant ") || header[i].find(" Temperature ") == std::string::npos)
        continue;
      if (cells[i].empty()) continue;
      const std::string quadrant(1, static_cast<char>(std::tolower(header[i][9])));
      const double value = std::stod(cells[i]);
      auto& [sum, count] = windows[quadrant][static_cast<int>(std::floor(time / 10))];
      sum += value;
      ++count;
      const bool ceiling = header[i].ends_with(" 25 mm Below Ceiling");
      if (ceiling && value >= kAlarm && !fire.first_hot.contains(quadrant)) fire.first_hot[quadrant] = time;
    }
  }
  for (const auto& [quadrant, by_number] : windows) {
    for (const auto& [number, total] : by_number) {
      // The file's last window never closes: no reading comes after it.
      if (number == by_number.rbegin()->first || fire.alarm_window_end.contains(quadrant)) continue;
      if (total.first / total.second > kAlarm) fire.alarm_window_end[quadrant] = (number + 1) * 10;
    }
  }
  return fire;
}

const std::map<std::string, std::vector<double>> kKnown{// shared/cases: quadrants A B C D
                                                        {"Overstuffed_Open_Corner_2", {150, 141, 148, 155}},
                                                        {"Overstuffed_Closed_Center_1", {249, 237, 251, 256}},
                                                        {"100kWSB_Closed_Back_1", {9, 4, 4, 7}}};

}  // namespace

TEST_CASE("real fires alert in the window in which the mean first crosses, and never before ignition") {
  const char* cases = std::getenv("LOOKOUT_CASES");
  if (cases == nullptr || !std::filesystem::exists(std::string(cases) + "/fires")) {
    WARN("skipped: no case data (LOOKOUT_CASES)");
    return;
  }
  Broker broker;
  Box box(broker.port(), kRules);
  const ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"aggregates/#", "alerts/#"});
  // A whole number of windows, an hour before now: every reading lies in the past, none further than
  // max_past.
  const std::int64_t ignition = (std::time(nullptr) / 10) * 10 - 3600;
  fmt::print("{:30} {:8} {:>16} {:>16} {:>10}\n", "fire", "quadrant", "first 57.2 degC", "alert's window",
             "delay");
  for (const auto& [name, known] : kKnown) {
    INFO(name);
    const std::string file = fmt::format("{}/fires/{}.csv", cases, name);
    const Fire expected = recompute(file);
    simulate(broker,
             {"play", file, "--time-column", "Time", "--time-zero",
              fmt::format("{:%FT%TZ}", fmt::gmtime(ignition)), "--columns", "Quadrant * Temperature *",
              "--map", "Quadrant {region} {metric} {sensor}", "--network", name, "--speed", "max"});
    REQUIRE(wait_until([&] {
      return subscriber.received("alerts/" + name + "/").size() >= expected.alarm_window_end.size();
    }));
    std::map<std::string, double> actual;
    for (const auto& alert : subscriber.received("alerts/" + name + "/")) {
      const auto json = alert.json();
      if (json["revision"] == 0)
        actual.emplace(json["labels"]["region"], epoch_of(json["startsAt"]) - static_cast<double>(ignition));
    }
    CHECK(actual == expected.alarm_window_end);
    std::size_t quadrant_index = 0;
    for (const auto& [quadrant, end] : actual) {
      const double hot = expected.first_hot.at(quadrant);
      CHECK(hot == known.at(quadrant_index++));
      CHECK(end > 0);
      fmt::print("{:30} {:8} {:14.0f} s {:14.0f} s {:8.0f} s\n", name, quadrant, hot, end, end - hot);
    }
  }
}
