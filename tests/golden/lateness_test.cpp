#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>

#include "tests/golden/recorded.h"

using namespace lookout::test;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "1m"
size = "1m"
by = ["sensor"]
[[window]]
name = "now"
size = "1m"
lag = 0
by = ["sensor"]
)";

// Sensor k of 20 has 100 readings, each of them sent twice; those of the first 5 sensors come 90 s late, the
// others' 2 s.
std::string slow_and_fast() {
  std::string lines;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 20; ++k) {
      const auto line =
          recorded_line("north", fmt::format("s-{:02}", k), i * 10, i, i * 10 + (k < 5 ? 90 : 2));
      lines += line + line;
    }
  }
  return lines;
}

}  // namespace

TEST_CASE("lateness: the table shows all, then the latest sensors, and says what lags would do") {
  const Recorded recorded(kConfig);
  recorded.record(slow_and_fast());
  const auto finished = recorded.run("lateness", {"--sensors", "6"});
  CHECK(finished.code == 0);
  std::vector<std::string> rows;
  std::istringstream in(finished.out);
  for (std::string line; std::getline(in, line);) rows.push_back(line);
  REQUIRE(rows.size() == 15);
  CHECK_THAT(rows[0], Catch::EndsWith("readings     p50     p95     p99   p99.9     max     over 1m"));
  // 2 s lies in the bucket up to 2.048 s, rounded up; 90 s is the maximum, which is exact.
  CHECK_THAT(rows[1], Catch::StartsWith("all 20 sensors") &&
                          Catch::EndsWith("    2000    2.1s    1.5m    1.5m    1.5m    1.5m        25 %"));
  CHECK_THAT(rows[2], Catch::StartsWith("net/north/s-00") &&
                          Catch::EndsWith("     100    1.5m    1.5m    1.5m    1.5m    1.5m       100 %"));
  CHECK_THAT(rows[6], Catch::StartsWith("net/north/s-04"));
  CHECK_THAT(rows[7], Catch::StartsWith("net/north/s-05") &&
                          Catch::EndsWith("     100    2.0s    2.0s    2.0s    2.0s    2.0s         0 %"));
  CHECK(rows[8] == "and 14 sensors with a smaller p99");
  CHECK_THAT(rows[10], Catch::Contains("A lag of 1.5m would have kept 95 %"));
  CHECK_THAT(rows[11], Catch::Contains("lag of 0 (window now): 100 %"));
  CHECK_THAT(rows[12],
             Catch::Contains("lag of 1m (window 1m): 25 %") && Catch::Contains("at least 1m after"));
}

TEST_CASE("lateness: --json lists every sensor, repeats and rejected readings do not count") {
  const Recorded recorded(kConfig);
  recorded.record(slow_and_fast() + recorded_line("north", "ahead", 2000, 1, 1000) +
                  recorded_line("north", "s-00", 1001, 1, 996));
  const auto finished = recorded.run("lateness", {"--json"});
  CHECK(finished.code == 0);
  const auto report = nlohmann::json::parse(finished.out);
  CHECK(report["all"]["readings"] == 2001);
  CHECK(report["all"]["ahead"] == 1);
  CHECK(report["all"]["max_s"] == 90.0);
  CHECK(report["all"]["p50_s"].get<double>() == Approx(2).epsilon(1 / 16.0));
  CHECK(report["all"]["lag_s"] == 60.0);
  CHECK(report["all"]["beyond_lag"] == Approx(500 / 2001.0));
  CHECK(report["books"]["duplicate"] == 2000);
  CHECK(report["books"]["rejected"] == 1);
  CHECK(report["lags"][0]["windows"] == nlohmann::json{"now"});
  CHECK(report["event_time"]["from"] == "2026-01-01T00:00:00Z");
  CHECK(report["event_time"]["to"] == "2026-01-01T00:16:41Z");
  std::set<std::string> sensors;
  for (const auto& sensor : report["sensors"]) {
    sensors.insert(sensor["sensor"]);
    CHECK(sensor["network"] == "net");
    CHECK(sensor["readings"] == (sensor["sensor"] == "s-00" ? 101 : 100));
  }
  CHECK(sensors.size() == 20);
}

TEST_CASE("lateness: readings without an event time tell nothing") {
  const Recorded recorded("[[input]]\ntopic = \"t/{sensor}\"\ncodec = \"number\"\n");
  recorded.record(R"({"arrival":"2026-01-01T00:00:00Z","topic":"t/a","payload":"1"})");
  CHECK_THAT(recorded.run("lateness").out, Catch::StartsWith("No reading has an event time"));
  CHECK(nlohmann::json::parse(recorded.run("lateness", {"--json"}).out)["all"]["readings"] == 0);
}
