#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <map>
#include <regex>

#include "tests/golden/recorded.h"
#include "tests/support/broker.h"
#include "tests/support/ledger.h"

using namespace lookout::test;

namespace {

constexpr const char* kInput = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
)";

std::string with_window(const std::string& window) { return kInput + ("[[window]]\n" + window); }

const std::string kFiveMinutes = with_window("name = \"5m\"\nsize = \"5m\"\nby = [\"region\"]\n");
const std::string kMinute = with_window("name = \"1m\"\nsize = \"1m\"\nlag = 0\nby = [\"region\"]\n");

std::uint64_t lines_in(const std::string& text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

struct Result {
  std::uint64_t count = 0;
  double sum = 0, min = 0, max = 0;
};
using Results = std::map<std::string, Result>;  // by region, metric and start in epoch seconds

// Straight from the recording's lines.
Results recount(const std::string& recording) {
  Results results;
  for (const auto& line : lines_of(slurp(recording))) {
    static const std::regex kTopic("sensors/wildfire/([^/]+)/[^/]+/([^/]+)");
    std::smatch names;
    const auto topic = line["topic"].get<std::string>();
    REQUIRE(std::regex_match(topic, names, kTopic));
    const auto payload = nlohmann::json::parse(line["payload"].get<std::string>());
    const auto start = static_cast<std::int64_t>(payload["event_time"].get<double>()) / 300 * 300;
    Result& result = results[fmt::format("{} {} {}", names[1].str(), names[2].str(), start)];
    const double value = payload["value"];
    result.min = result.count == 0 ? value : std::min(result.min, value);
    result.max = result.count == 0 ? value : std::max(result.max, value);
    result.sum += value;
    ++result.count;
  }
  return results;
}

}  // namespace

TEST_CASE("backtest: two runs give the same bytes, and so does standard input") {
  const Recorded recorded(kFiveMinutes +
                          "[[rule]]\nname = \"Fire\"\nwindow = \"5m\"\nwhen = \"t.mean > 1\"\n");
  recorded.simulate({"--preset", "wildfire", "--duration", "40m", "--reorder", "0.2", "--reorder-max", "5m",
                     "--duplicates", "0.1"});
  const auto first = recorded.run("backtest");
  CHECK(first.code == 0);
  CHECK(lines_in(first.out) > 50);
  CHECK(recorded.run("backtest").out == first.out);
  const auto piped = run({"bash", "-c", "cat \"$1\" | \"$0\" backtest --config \"$2\" --input -",
                          program("gateway"), recorded.recording(), recorded.config()});
  CHECK(piped.code == 0);
  CHECK(piped.out == first.out);
}

TEST_CASE("backtest: every window is what the recording's lines add up to") {
  const Recorded recorded(kFiveMinutes);
  recorded.simulate({"--preset", "wildfire", "--duration", "1h"});
  const Results expected = recount(recorded.recording());
  CHECK(expected.size() == 12 * 5 * 2);
  Results found;
  for (const auto& output : recorded.outputs()) {
    const auto& payload = output["payload"];
    CHECK(output["topic"] == fmt::format("aggregates/wildfire/5m/{}/{}", payload["group"].get<std::string>(),
                                         payload["metric"].get<std::string>()));
    CHECK(payload["revision"] == 0);
    found[fmt::format("{} {} {:.0f}", payload["group"].get<std::string>(),
                      payload["metric"].get<std::string>(), epoch_of(payload["start"]))] = {
        payload["count"], payload["sum"], payload["min"], payload["max"]};
  }
  REQUIRE(found.size() == expected.size());
  for (const auto& [window, result] : expected) {
    CAPTURE(window);
    CHECK(found[window].count == result.count);
    CHECK(found[window].sum == Approx(result.sum).epsilon(1e-9));
    CHECK(found[window].min == result.min);
    CHECK(found[window].max == result.max);
  }
}

TEST_CASE("backtest: without flush what is open at the end stays open") {
  const Recorded recorded(kMinute);
  recorded.record(recorded_line("north", "a", 10, 1, 10) + recorded_line("north", "a", 70, 2, 70));
  const auto left_open = recorded.run("backtest", {"--no-flush"});
  CHECK(left_open.code == 0);
  CHECK(lines_in(left_open.out) == 1);
  CHECK(lines_of(left_open.out)[0]["payload"]["closed_by"] == "watermark");
  const auto flushed = recorded.run("backtest");
  CHECK(flushed.out.starts_with(left_open.out));
  REQUIRE(lines_in(flushed.out) == 2);
  const auto last = lines_of(flushed.out)[1]["payload"];
  CHECK(last["closed_by"] == "end_of_input");
  CHECK(last["start"] == "2026-01-01T00:01:00Z");
  CHECK(last["sum"] == 2.0);
}

TEST_CASE("backtest: silence closes a window when it is due, not when the next message comes") {
  const Recorded recorded(kInput + std::string(R"(
[time]
lag = "60s"
idle = "90s"
[[window]]
name = "1m"
size = "1m"
by = ["region"]
[[rule]]
name = "Fire"
window = "1m"
when = "t.mean > 35"
)"));
  recorded.record(recorded_line("north", "a", 10, 50, 10) + recorded_line("south", "b", 600, 20, 600));
  const auto outputs = recorded.outputs();
  REQUIRE(outputs.size() >= 2);
  CHECK(outputs[0]["payload"]["closed_by"] == "idle");
  CHECK(outputs[1]["topic"] == "alerts/net/Fire/north");
  // The reading's own time has to pass the window's end and the lag: 110 s after it came.
  CHECK(outputs[1]["payload"]["latency"]["decided"] == "2026-01-01T00:02:00Z");
}

TEST_CASE("backtest: broken lines are named by their numbers, and the rest counts") {
  const Recorded recorded(kMinute);
  std::string lines = recorded_line("north", "a", 10, 1, 10) + "\nnot json\n{\"topic\":\"x\"}\n";
  for (int i = 0; i < 30; ++i) lines += "[]\n";
  recorded.record(lines + recorded_line("north", "a", 70, 2, 70));
  const auto finished = recorded.run("backtest");
  CHECK(finished.code == 0);
  CHECK_THAT(finished.err, Catch::Contains("line 3: not JSON") &&
                               Catch::Contains("line 4: there is no arrival") &&
                               Catch::Contains("line 22: ") && !Catch::Contains("line 23: ") &&
                               Catch::Contains("and 12 more broken lines"));
  CHECK(figure(finished, "lines read") == 35);
  CHECK(figure(finished, "broken,") == 32);
  CHECK(figure(finished, "messages") == 2);
  CHECK(figure(finished, "accepted") == 2);
}

TEST_CASE("backtest: the summary's books balance and count every message of the recording") {
  const Recorded recorded(kFiveMinutes + "allowed_lateness = 0\n");
  recorded.simulate({"--preset", "wildfire", "--duration", "1h", "--reorder", "0.1", "--reorder-max", "10m",
                     "--duplicates", "0.1"});
  const std::string good = slurp(recorded.recording());
  recorded.record(good + R"({"arrival":"2026-01-01T01:00:00Z","topic":"sensors/w/n/a/t","payload":"no"})" +
                  '\n' + R"({"arrival":"2026-01-01T01:00:00Z","topic":"x","payload":"1"})" + '\n');
  const auto finished = recorded.run("backtest");
  const auto received = figure(finished, "received");
  CHECK(received == lines_in(good) + 2);
  CHECK(figure(finished, "rejected") == 2);
  CHECK_THAT(finished.err, Catch::Contains("1 not_json, 1 no_input"));
  CHECK(figure(finished, "duplicate") > 100);
  CHECK(figure(finished, "late\n") > 100);
  CHECK(received == figure(finished, "accepted") + figure(finished, "duplicate") +
                        figure(finished, "rejected") + figure(finished, "late\n"));
  CHECK_THAT(finished.err, Catch::Contains("event times: 2026-01-01T00:00:00Z to 2026-01-01T00:59:"));
  std::map<std::string, std::uint64_t> kinds;
  for (const auto& line : lines_of(finished.out)) {
    const auto topic = line["topic"].get<std::string>();
    ++kinds[topic.substr(0, topic.find('/'))];
  }
  for (const char* kind : {"aggregates", "rejected"}) {
    CAPTURE(kind);
    CHECK_THAT(finished.err, Catch::Contains(fmt::format("{} {}", kinds[kind], kind)));
  }
  CHECK_THAT(finished.err,
             Catch::EndsWith("Z\n") && Catch::Contains(fmt::format("{} late\nevent", kinds["late"])));
}

TEST_CASE("backtest: what mosquitto_sub writes, as text and as JSON, gives what the messages give") {
  const Recorded recorded(kMinute);
  Broker broker;
  const std::int64_t now = (std::time(nullptr) - 600) / 60 * 60;
  const auto publish = [&](const std::string& sensor, std::int64_t time, const std::string& value) {
    // Retained: they wait for who subscribes.
    broker.publish("sensors/net/north/" + sensor + "/t",
                   fmt::format(R"({{ "event_time": {}, "value": {} }})", time, value), true);
  };
  publish("a", now, "22.50");
  publish("b", now + 10, "1e1");
  publish("c", now + 20, "-0.25");
  publish("d", now + 70, "1");
  for (const char* format : {"%j", "%J"}) {
    CAPTURE(format);
    const auto heard = run(
        {"mosquitto_sub", "-p", broker.port_text(), "-t", "sensors/#", "-F", format, "-C", "4", "-W", "30"});
    REQUIRE(lines_in(heard.out) == 4);
    recorded.record(heard.out);
    const auto finished = recorded.run("backtest");
    CHECK(figure(finished, "broken,") == 0);
    CHECK(figure(finished, "accepted") == 4);
    const auto outputs = lines_of(finished.out);
    REQUIRE_FALSE(outputs.empty());
    CHECK(outputs[0]["payload"]["count"] == 3);
    CHECK(outputs[0]["payload"]["sum"] == 22.5 + 10 - 0.25);
  }
}

TEST_CASE("backtest: a reader that goes away ends it quietly, a full disk does not") {
  const Recorded recorded(with_window("name = \"5m\"\nsize = \"5m\"\nby = [\"sensor\"]\n"));
  recorded.simulate({"--preset", "wildfire", "--duration", "2h"});
  const auto over = [&](const std::string& rest) {
    return run({"bash", "-c", "\"$0\" backtest --config \"$1\" --input \"$2\" " + rest, program("gateway"),
                recorded.config(), recorded.recording()});
  };
  const auto cut = over("| head -n 1; exit ${PIPESTATUS[0]}");
  CHECK(cut.code == 128 + SIGPIPE);
  CHECK(cut.err.empty());
  CHECK(lines_in(cut.out) == 1);
  for (const std::string& lines :
       {slurp(recorded.recording()),
        recorded_line("north", "a", 10, 1, 10) + recorded_line("north", "a", 900, 1, 900)}) {
    recorded.record(lines);
    const auto full = over("> /dev/full");
    CHECK(full.code == 1);
    CHECK_THAT(full.err, Catch::Contains("cannot write to 'standard output'"));
  }
}

TEST_CASE("backtest: exit codes of what cannot be read") {
  const Recorded recorded(kMinute);
  const auto missing = recorded.run("backtest");
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Catch::Contains(recorded.recording()));
  recorded.record("");
  const auto empty = recorded.run("backtest");
  CHECK(empty.code == 0);
  CHECK(empty.out.empty());
  CHECK(figure(empty, "lines read") == 0);
  const Recorded bad("[[input]]\ntopic = \"#\"\n");
  bad.record("");
  CHECK(bad.run("backtest").code == 78);
  CHECK(run({program("gateway"), "backtest", "--config", recorded.config()}).code == 2);
}
