// What `lookout-bridge summarize` says of a day, beside the simulator's ledger.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

Finished bridge(const Box& box, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("bridge"));
  arguments.insert(arguments.end(), {"--config", box.config()});
  return run(arguments);
}

std::vector<nlohmann::json> lines_of(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// The ledger's readings from one second to another, of a group and metric as a summary names them.
std::vector<LedgerEntry> of_group(const std::vector<LedgerEntry>& ledger, const nlohmann::json& summary) {
  const double from = epoch_of(summary["start"]), to = epoch_of(summary["end"]);
  const std::string group = summary["group"], metric = summary["metric"];
  std::vector<LedgerEntry> found;
  std::ranges::copy_if(ledger, std::back_inserter(found), [&](const LedgerEntry& e) {
    return e.metric == metric && e.event_time >= from && e.event_time < to &&
           (group == "_all" || group == e.region || group == e.region + "/" + e.sensor);
  });
  return found;
}

/// Against the ledger, reading by reading; each sensor was to send `expected` of them.
void check(const nlohmann::json& summary, const std::vector<LedgerEntry>& all, std::size_t expected) {
  const auto readings = of_group(all, summary);
  REQUIRE_FALSE(readings.empty());
  std::set<std::string> sensors;
  long double sum = 0;
  for (const LedgerEntry& e : readings) {
    sensors.insert(e.region + "/" + e.sensor);
    sum += e.value;
  }
  CAPTURE(summary.dump());
  CHECK(summary["count"] == readings.size());
  CHECK(summary["sensors"] == sensors.size());
  CHECK(summary["sum"].get<double>() == Approx(static_cast<double>(sum)).epsilon(1e-9));
  CHECK(summary["min"] == std::ranges::min(readings, {}, &LedgerEntry::value).value);
  CHECK(summary["max"] == std::ranges::max(readings, {}, &LedgerEntry::value).value);
  CHECK(summary["expected"] == expected * sensors.size());
  CHECK(summary["missing"] == expected * sensors.size() - readings.size());
}

std::vector<LedgerEntry> send(const Box& box, const Broker& broker, const std::string& start) {
  simulate(broker, {"run", "--sensors", "10", "--interval", "10m", "--start", start, "--duration", "34h",
                    "--speed", "max", "--lose", "0.02", "--truth", box.ledger().string()});
  return read_ledger(box.ledger());
}

}  // namespace

TEST_CASE(
    "a day of 23, 24 or 25 hours is summarized from midnight to midnight of its zone, as the ledger has it") {
  struct Case {
    const char *day, *zone, *start;
    std::size_t expected;  // of each sensor, every ten minutes
  };
  const auto [day, zone, start, expected] =
      GENERATE(Case{"2026-03-29", "Europe/Berlin", "2026-03-28T18:00:00Z", 23 * 6},
               Case{"2025-10-26", "Europe/Berlin", "2025-10-25T18:00:00Z", 25 * 6},
               Case{"2026-03-29", "UTC", "2026-03-28T18:00:00Z", 24 * 6});
  Broker broker;
  Box box(broker.port(), "");
  ChildProcess archiver = box.start("bridge");
  const auto ledger = send(box, broker, start);
  const auto archived = [&] {
    const auto found = bridge(box, {"query", "--format", "csv"}).out;
    return static_cast<std::size_t>(std::ranges::count(found, '\n')) == ledger.size() + 1;
  };
  REQUIRE(wait_until(archived));
  const auto done = bridge(box, {"summarize", "--day", day, "--zone", zone, "--json"});
  REQUIRE(done.code == 0);
  CHECK(done.err.empty());
  const auto summaries = lines_of(done.out);
  CHECK(summaries.size() == 2 * (10 + 5 + 1));
  for (const auto& summary : summaries) check(summary, ledger, expected);
  CHECK(archiver.stop() == 0);
  CHECK(bridge(box, {"summarize", "--day", day, "--zone", zone, "--json"}).out == done.out);
}

TEST_CASE("summarize prints a table that says what it means, and refuses with a sentence what it cannot do") {
  Broker broker;
  Box box(broker.port(), "");
  const auto summarize = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "summarize");
    return bridge(box, arguments);
  };
  const auto says = [](const Finished& finished, int code, const char* part) {
    CHECK(finished.code == code);
    CHECK(finished.out.empty());
    CHECK_THAT(finished.err, Catch::Contains(part));
  };
  says(summarize({"--day", "yesterday"}), 1, "there is no archive");
  ChildProcess archiver = box.start("bridge");
  broker.publish("sensors/wild/north/s1/temperature",
                 R"({"event_time":"2026-03-29T11:20:00Z","value":20.5})");
  REQUIRE(wait_until([&] { return summarize({"--day", "2026-03-29"}).code == 0; }));
  const auto table = summarize({"--day", "2026-03-29", "--zone", "Europe/Berlin"}).out;
  CHECK_THAT(table, Catch::StartsWith("2026-03-29 in Europe/Berlin: 2026-03-28T23:00:00Z to "
                                      "2026-03-29T22:00:00Z, 23 h\n"));
  CHECK_THAT(table, Catch::Contains("arrived more than 1m after they were measured"));
  CHECK_THAT(table, Catch::Contains("wild     north/s1  temperature  -"));
  CHECK(
      summarize({"--day", "2026-03-29", "--topics", "sensors/wild/north/#", "--format", "csv"}).out ==
      "network,group,metric,unit,start,end,count,sensors,sum,mean,min,max,stddev,first,last,expected,missing,"
      "late_arrivals,seq_gaps,interval_s\n"
      "wild,north/"
      "s1,temperature,,2026-03-29T00:00:00Z,2026-03-30T00:00:00Z,1,1,20.5,20.5,20.5,20.5,0,20.5,20.5,,,1,"
      "0,\n"
      "wild,north,temperature,,2026-03-29T00:00:00Z,2026-03-30T00:00:00Z,1,1,20.5,20.5,20.5,20.5,0,20.5,20.5,"
      ",,1,0,"
      "\n"
      "wild,_all,temperature,,2026-03-29T00:00:00Z,2026-03-30T00:00:00Z,1,1,20.5,20.5,20.5,20.5,0,20.5,20.5,,"
      ",1,0,"
      "\n");
  says(summarize({"--day", "2026-03-30"}), 1,
       "the archive holds no readings of 2026-03-30 (2026-03-30T00:00:00Z to 2026-03-31T00:00:00Z)");
  says(summarize({"--day", "2026-03-29", "--topics", "sensors/wild/south/#"}), 1,
       "no readings of 2026-03-29");
  says(summarize({"--day", "29.03.2026"}), 2, "'29.03.2026' is not a day");
  says(summarize({"--day", "9000-01-01"}), 2, "has not begun yet");
  says(summarize({"--day", "2026-03-29", "--zone", "Mars"}), 2, "'Mars' is no time zone");
  says(summarize({"--day", "2026-03-29", "--topics", "a#"}), 2, "'a#' is no MQTT filter");
  CHECK(summarize({}).code == 2);
  CHECK(archiver.stop() == 0);
}
