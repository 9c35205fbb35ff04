// The past through both programs: what the bridge archived goes through the running gateway again.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* kTopic = "sensors/net/north/s1/temperature";

constexpr const char* kAnyPast = "[time]\nmax_past = \"3650d\"\n";

// Nothing is to depend on when the messages come: no silence, no corrections after so long.
constexpr const char* kMinutes = R"(
[time]
lag = "5s"
allowed_lateness = "0s"
idle = "1h"
max_past = "3650d"
max_future = "1d"
[[window]]
name = "1m"
size = "1m"
by = ["sensor", "region", "network"]
[[rule]]
name = "Hot"
window = "1m"
by = "region"
when = "temperature.mean > 35"
)";

/// Of windows: group and start -> count and sum.
using Figures = std::map<std::pair<std::string, std::string>, std::pair<int, double>>;

/// What a job put out, without its name.
std::vector<std::string> outputs_of(Subscriber& seen, const std::string& prefix) {
  std::vector<std::string> lines;
  for (const Received& message : seen.received(prefix)) {
    const std::string topic = message.topic.substr(prefix.size());
    if (topic != "summary" && topic != "control" && topic != "progress")
      lines.push_back(topic + ' ' + message.payload);
  }
  return lines;
}

/// A live result as a replay says it.
std::string of_the_past(const Received& live) {
  return live.topic + ' ' + live.payload.substr(0, live.payload.size() - 1) + R"(,"historical":true})";
}

/// Ten minutes of readings, every ten seconds: north/a in order, then all of south/b, whose radio was gone,
/// then north/c, a backlog that comes newest first.
class Backlogs {
 public:
  static constexpr int kReadings = 60;

  static void publish(const Broker& broker) {
    send(broker, "north/a", 1, false);
    send(broker, "south/b", 40, false);
    send(broker, "north/c", 100, true);
  }
  /// Of every window, each reading in it.
  static Figures complete() {
    Figures figures;
    for (const auto& [sensor, first] : {std::pair("north/a", 1), {"south/b", 40}, {"north/c", 100}}) {
      const std::string region(sensor, 5);
      for (int i = 0; i < kReadings; ++i) {
        const std::string start = fmt::format("2026-03-01T12:{:02}:00Z", i / 6);
        for (const std::string& group : {std::string(sensor), region, std::string("_all")}) {
          auto& [count, sum] = figures[{group, start}];
          ++count;
          sum += first + i;
        }
      }
    }
    return figures;
  }

 private:
  static void send(const Broker& broker, const std::string& sensor, int first, bool newest_first) {
    std::vector<std::string> lines;
    for (int i = 0; i < kReadings; ++i) {
      lines.push_back(fmt::format(R"({{"event_time":"2026-03-01T12:{:02}:{:02}Z","value":{}}})", i / 6,
                                  i % 6 * 10, first + i));
    }
    if (newest_first) std::ranges::reverse(lines);
    const TempFolder folder;
    spit(folder / "lines", fmt::format("{}\n", fmt::join(lines, "\n")));
    REQUIRE(run({"sh", "-c", "exec mosquitto_pub -l -q 1 -p \"$0\" -t \"$1\" < \"$2\"", broker.port_text(),
                 "sensors/net/" + sensor + "/temperature", (folder / "lines").string()})
                .code == 0);
  }
};

/// A box with both programs.
class Pair {
 public:
  explicit Pair(const std::string& configuration) : box_(broker.port(), configuration) {
    bridge_.emplace(box_.start("bridge"));
    gateway_.emplace(box_.start("gateway"));
  }

  Broker broker;

  [[nodiscard]] Finished command(const std::string& name, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program("bridge"), name, "--config", box_.config()});
    return run(arguments, 120s);
  }
  /// `replay`, of everything, as JSON; the exit code is to be that.
  [[nodiscard]] json replay(std::vector<std::string> arguments, int code = 0) {
    arguments.insert(arguments.end(), {"--from", "2020-01-01", "--to", "2100-01-01", "--json"});
    const auto finished = command("replay", std::move(arguments));
    INFO(finished.err);
    REQUIRE(finished.code == code);
    said_ = finished.err;
    return json::parse(finished.out);
  }
  /// What the last replay said on stderr.
  [[nodiscard]] const std::string& said() const { return said_; }
  [[nodiscard]] bool await_archived(std::size_t messages) const {
    return wait_until(
        [&] {
          const auto answer = command("export", {"--kind", "messages", "--topics", "sensors/#"});
          return occurrences(answer.out, "\n") == messages;
        },
        60s);
  }
  void stop() {
    CHECK(gateway_->stop() == 0);
    CHECK(bridge_->stop() == 0);
  }

 private:
  Box box_;
  std::optional<ChildProcess> bridge_, gateway_;
  std::string said_;
};

}  // namespace

TEST_CASE("a message whose escaped text the broker would drop is replayed with the others") {
  Pair pair(kAnyPast);
  pair.broker.publish(kTopic, R"({"event_time":"2026-03-01T12:00:00Z","value":1})");
  pair.broker.publish(kTopic, std::string(65'536, '\0'));
  pair.broker.publish(kTopic, R"({"event_time":"2026-03-01T12:00:01Z","value":2})");
  REQUIRE(pair.await_archived(3));
  const std::string order = GENERATE("event", "arrival");
  const json report = pair.replay({"--by", order});
  CHECK(report["summary"]["messages"] == 3);
  CHECK(report["summary"]["books"]["accepted"] == 2);
  CHECK(report["summary"]["books"]["rejected"]["not_json"] == 1);
  CHECK(report["too_large"] == 0);
  pair.stop();
}

TEST_CASE("a message that no envelope can hold is left out of a replay and named, and nothing is promoted") {
  Pair pair(std::string(kAnyPast) + "[limits]\nmessage_size = \"256 KiB\"\n");
  pair.broker.publish(kTopic, R"({"event_time":"2026-03-01T12:00:00Z","value":1})");
  pair.broker.publish(kTopic, std::string(200'000, '\0'));
  pair.broker.publish(kTopic, R"({"event_time":"2026-03-01T12:00:01Z","value":2})");
  REQUIRE(pair.await_archived(3));
  for (const bool into_live : {false, true}) {
    const json report =
        pair.replay(into_live ? std::vector<std::string>{"--into", "live"} : std::vector<std::string>{}, 1);
    CHECK(report["summary"]["state"] == "done");
    CHECK(report["summary"]["books"]["accepted"] == 2);
    CHECK(report["too_large"] == 1);
    CHECK_FALSE(report.contains("promotion"));
    CHECK_THAT(pair.said(), Catch::Contains("1 messages were left out, the first at offset 1"));
  }
  pair.stop();
}

TEST_CASE("a replay gives the same bytes at the speed of then, at 60 times that, and as fast as it goes") {
  Pair pair(std::string(kAnyPast) + R"(
[[window]]
name = "2s"
size = "2s"
by = ["sensor", "region"]
[[rule]]
name = "Warm"
window = "2s"
when = "temperature.mean > 0"
)");
  Subscriber seen(pair.broker, {"replay/#"});
  simulate(pair.broker, {"run", "--sensors", "10", "--interval", "1s", "--duration", "6s", "--start",
                         "2026-03-01", "--speed", "max", "--seed", "4", "--reorder", "0.3"});
  REQUIRE(pair.await_archived(10 * 6 * 2));
  std::map<std::string, std::vector<std::string>> outputs;
  std::map<std::string, json> summaries;
  for (const std::string speed : {"1x", "60x", "max"}) {
    summaries[speed] = pair.replay({"--speed", speed, "--job", speed, "--by", "event"})["summary"];
    const std::size_t all = summaries[speed]["outputs"]["aggregates"].get<std::size_t>() +
                            summaries[speed]["outputs"]["alerts"].get<std::size_t>();
    const std::string prefix = "replay/" + speed + "/";
    const auto results = [&] {
      auto lines = outputs_of(seen, prefix);
      std::erase_if(lines, [](const std::string& line) { return line.starts_with("sensors/"); });
      return lines;
    };
    REQUIRE(wait_until([&] { return results().size() == all; }));
    outputs[speed] = results();
    CHECK(summaries[speed]["books"] == summaries["1x"]["books"]);
  }
  CHECK(outputs["1x"].size() > 10 * 2 * 3);
  CHECK(std::ranges::any_of(outputs["1x"], [](const auto& line) { return line.starts_with("alerts/"); }));
  CHECK(outputs["60x"] == outputs["1x"]);
  CHECK(outputs["max"] == outputs["1x"]);
  pair.stop();
}

TEST_CASE("by event a replay restores what live refused, by arrival it gives what live gave") {
  Pair pair(kMinutes);
  Subscriber live(pair.broker, {"aggregates/#", "alerts/#", "late/#"});
  Subscriber past(pair.broker, {"replay/+/aggregates/#", "replay/+/alerts/#", "replay/+/late/#"});
  Backlogs::publish(pair.broker);
  for (const char* time : {"12:00:00", "13:00:00"})  // behind them: what comes out of it, comes last
    pair.broker.publish("sensors/marker/north/s/t",
                        fmt::format(R"({{"event_time":"2026-03-01T{}Z","value":1}})", time));
  REQUIRE(wait_until([&] { return !live.received("aggregates/marker/").empty(); }, 60s));
  REQUIRE(pair.await_archived(3 * Backlogs::kReadings + 2));
  // Of north/c its own newest minute is taken, of south/b and north/c no window of the network but the last.
  CHECK(live.received("late/").size() > 50);

  const json restored =
      pair.replay({"--job", "restored", "--by", "event", "--topics", "sensors/net/#"})["summary"];
  CHECK(restored["books"]["accepted"] == 3 * Backlogs::kReadings);
  CHECK(restored["books"]["late"] == 0);
  CHECK(restored["books"]["refused"] == 0);
  const auto aggregates = [&](const std::string& job) {
    return past.received("replay/" + job + "/aggregates/");
  };
  REQUIRE(wait_until([&] { return aggregates("restored").size() == restored["outputs"]["aggregates"]; }));
  Figures figures;
  for (const Received& message : aggregates("restored")) {
    const json result = message.json();
    CHECK(result["revision"] == 0);
    figures[{result["group"], result["start"]}] = {result["count"], result["sum"]};
  }
  CHECK(figures == Backlogs::complete());

  const json again =
      pair.replay({"--job", "again", "--by", "arrival", "--topics", "sensors/net/#"})["summary"];
  REQUIRE(wait_until([&] { return aggregates("again").size() == again["outputs"]["aggregates"]; }));
  std::vector<std::string> expected, found;
  for (const Received& message : live.received("aggregates/net/1m/"))
    expected.push_back(of_the_past(message));
  for (const Received& message : aggregates("again")) {
    // What was still open for live, the end of the replay closes.
    if (message.json()["closed_by"] == "end_of_input") continue;
    found.push_back(message.topic.substr(std::string("replay/again/").size()) + ' ' + message.payload);
  }
  CHECK(expected.size() > 20);
  CHECK(found == expected);
  const auto refused = [](const std::vector<Received>& messages) {
    std::vector<std::string> lines;
    for (const Received& message : messages) {
      json late = message.json();
      late.erase("arrival");  // each program's own
      lines.push_back(message.topic.substr(message.topic.find("late/")) + late.dump());
    }
    return lines;
  };
  REQUIRE(wait_until([&] { return past.received("replay/again/late/").size() == again["outputs"]["late"]; }));
  CHECK(refused(past.received("replay/again/late/")) == refused(live.received("late/")));
  const auto states = [](const std::vector<Received>& messages) {
    std::vector<std::string> lines;
    for (const Received& message : messages) {
      const json alert = message.json();
      lines.push_back(
          fmt::format("{} {}", alert["id"].get<std::string>(), alert["state"].get<std::string>()));
    }
    return lines;
  };
  const auto alerts = states(live.received("alerts/"));
  CHECK_FALSE(alerts.empty());
  auto replayed = states(past.received("replay/again/alerts/"));
  REQUIRE(replayed.size() >= alerts.size());
  replayed.resize(alerts.size());  // as above
  CHECK(replayed == alerts);
  pair.stop();
}
