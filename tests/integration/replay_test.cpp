// The past through a running gateway: envelopes published over a real Mosquitto, as lookout-bridge replay
// does.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "common/outbox.h"
#include "common/supervisor.h"
#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// A journal so small that snapshots are taken all the time to trim it.
constexpr const char* kConfig = R"(
[journal]
segment = "1 MiB"
limit = "4 MiB"
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region"]
[[window]]
name = "1m"
size = "1m"
by = ["region"]
[[rule]]
name = "Fire"
window = "5m"
when = "temperature.mean > 35"
)";

// 12,000 readings: 50 sensors, 2 metrics, every 30 s for an hour, with a fire.
const std::vector<std::string> kAnHour{"run",
                                       "--preset",
                                       "wildfire",
                                       "--duration",
                                       "1h",
                                       "--fire",
                                       "region=south,start=600s,duration=1200s,temperature=60"};

const std::vector<std::string> kResults{"replay/+/aggregates/#", "replay/+/alerts/#", "replay/+/late/#",
                                        "replay/+/rejected/#", "replay/+/summary"};

/// Publishes in order over one connection.
class Publisher {
 public:
  explicit Publisher(const Broker& broker) : outbox_(1000, [](std::uint64_t) {}) {
    SessionOptions session;
    session.mqtt.port = broker.port();
    session.client_id = "replayer";
    session.clean_session = true;
    SessionEvents events;
    events.on_message = [](const MessageView&) {};
    events.on_connected = [this] { outbox_.on_connected(); };
    events.on_lost = [this] { outbox_.on_lost(); };
    events.wake = [this] { supervisor_.wake(); };
    session_ = make_paho_session(session, events);
    outbox_.use(*session_);
    supervisor_.add([this](auto now) { return session_->step(now); });
    supervisor_.start();
  }
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher() {
    supervisor_.stop();
    session_->close(1s);
  }
  void publish(std::string topic, std::string payload) {
    REQUIRE(outbox_.publish({std::move(topic), std::move(payload), false}, ++published_, {}));
  }
  /// Until the broker has everything.
  void flush() { REQUIRE(outbox_.drain(std::chrono::steady_clock::now() + 60s)); }

 private:
  Outbox outbox_;
  Supervisor supervisor_;
  std::unique_ptr<MqttSession> session_;
  std::uint64_t published_ = 0;
};

struct Kept {
  std::string topic, envelope, event_time;
};

std::vector<std::string> simulator(const std::vector<std::string>& more) {
  std::vector<std::string> command{program("simulator")};
  command.insert(command.end(), kAnHour.begin(), kAnHour.end());
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

/// An hour of a fire with repeats and disorder, as recorded lines and as envelopes, by arrival.
struct Past {
  std::string lines;
  std::vector<Kept> messages;
};
Past past() {
  const auto recorded = run(simulator(
      {"--dry-run", "--seed", "5", "--duplicates", "0.02", "--reorder", "0.05", "--reorder-max", "20m"}));
  REQUIRE(recorded.code == 0);
  Past past{recorded.out, {}};
  std::istringstream in(recorded.out);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    const std::string payload = json["payload"];
    past.messages.push_back(
        {json["topic"],
         nlohmann::json{{"offset", 7 * past.messages.size()},
                        {"arrival", json["arrival"]},
                        {"retain", false},
                        {"payload", payload}}
             .dump(),
         fmt::format("{:.6f}", nlohmann::json::parse(payload)["event_time"].get<double>())});
  }
  REQUIRE(past.messages.size() > 12'000);
  return past;
}

std::string start(const std::string& by) {
  return R"({"action":"start","by":")" + by +
         R"(","from":"2026-01-01T00:00:00Z","to":"2026-01-01T01:00:00Z"})";
}

/// "topic payload" of a job's results, each where it came first: who was killed says things again.
std::vector<std::string> results(Subscriber& subscriber, const std::string& job) {
  const std::string prefix = "replay/" + job + '/';
  std::vector<std::string> found;
  std::set<std::string> known;
  for (const Received& message : subscriber.received(prefix)) {
    CHECK_FALSE(message.retain);
    std::string line = message.topic.substr(prefix.size()) + ' ' + message.payload;
    if (message.topic != prefix + "summary" && known.insert(line).second) found.push_back(std::move(line));
  }
  return found;
}

nlohmann::json await_summary(Subscriber& subscriber, const std::string& job) {
  const std::string topic = "replay/" + job + "/summary";
  REQUIRE(wait_until([&] { return !subscriber.received(topic).empty(); }, 120s));
  return subscriber.received(topic).back().json();
}

/// What `lookout-gateway backtest` makes of the lines, as a replay says it.
std::vector<std::string> backtest(const Box& box, const std::string& lines) {
  const auto file = box.folder() / "past.ndjson";
  spit(file, lines);
  const auto finished =
      run({program("gateway"), "backtest", "--config", box.config(), "--input", file.string()});
  REQUIRE(finished.code == 0);
  std::vector<std::string> found;
  std::istringstream in(finished.out);
  for (std::string line; std::getline(in, line);) {
    const std::string topic = nlohmann::json::parse(line)["topic"];
    const std::string between = R"(,"payload":)";
    std::string payload = line.substr(line.find(between) + between.size());
    payload.pop_back();
    if (topic.starts_with("aggregates/")) payload.replace(payload.size() - 1, 1, R"(,"historical":true})");
    const std::string live = R"("historical":false)";
    if (const auto at = payload.find(live); at != std::string::npos)
      payload.replace(at, live.size(), R"("historical":true)");
    found.push_back(topic + ' ' + payload);
  }
  return found;
}

/// A job from its start to its end, with the gateway killed so many times in between.
void play(const Broker& broker, Box& box, ChildProcess& gateway, const std::string& job,
          const std::string& by, const std::vector<Kept>& messages, std::size_t kills = 0) {
  Publisher publisher(broker);
  const std::string prefix = "replay/" + job + '/';
  publisher.publish(prefix + "control", start(by));
  const std::size_t stretch = messages.size() / (kills + 1);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    publisher.publish(prefix + messages[i].topic, messages[i].envelope);
    if ((i + 1) % stretch != 0 || i / stretch >= kills) continue;
    publisher.flush();
    gateway.kill();
    gateway = box.start("gateway");
  }
  publisher.publish(prefix + "control", R"({"action":"end"})");
  publisher.flush();
  if (kills == 0) return;
  gateway.kill();  // while the last windows come out
  gateway = box.start("gateway");
}

}  // namespace

TEST_CASE(
    "a replay by arrival gives to the byte what backtest gives, also when the gateway is killed meanwhile") {
  Broker broker;
  Box box(broker.port(), kConfig);
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, kResults);
  const Past recorded = past();
  const auto expected = backtest(box, recorded.lines);
  REQUIRE(expected.size() > 1000);
  REQUIRE(std::ranges::any_of(expected, [](const auto& line) { return line.starts_with("alerts/"); }));

  play(broker, box, gateway, "whole", "arrival", recorded.messages);
  const auto summary = await_summary(subscriber, "whole");
  CHECK(summary["state"] == "done");
  CHECK(summary["messages"] == recorded.messages.size());
  CHECK(summary["repeats"] == 0);
  CHECK(results(subscriber, "whole") == expected);

  play(broker, box, gateway, "killed", "arrival", recorded.messages, 6);
  CHECK(await_summary(subscriber, "killed")["books"] == summary["books"]);
  CHECK(results(subscriber, "killed") == expected);
  const auto snapshots = [&] {
    return std::ranges::count_if(std::filesystem::directory_iterator(box.state() / "gateway"),
                                 [](const auto& file) { return file.path().extension() == ".snapshot"; });
  };
  CHECK(snapshots() == 2);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("a replay by event time gives the same killed or not, and refuses nothing") {
  Broker broker;
  Box box(broker.port(), kConfig);
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, kResults);
  Past recorded = past();
  std::ranges::stable_sort(recorded.messages, {}, &Kept::event_time);
  play(broker, box, gateway, "whole", "event", recorded.messages);
  play(broker, box, gateway, "killed", "event", recorded.messages, 6);
  const auto summary = await_summary(subscriber, "whole");
  CHECK(await_summary(subscriber, "killed")["books"] == summary["books"]);
  CHECK(summary["books"]["late"] == 0);
  CHECK(summary["books"]["refused"] == 0);
  CHECK(summary["books"]["corrected"] == 0);
  CHECK(summary["books"]["accepted"] == 12'000);
  const auto whole = results(subscriber, "whole");
  CHECK(whole.size() > 1000);
  CHECK(results(subscriber, "killed") == whole);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("live gives the same results and books with a replay beside it, and nobody is paged by the past") {
  const std::int64_t start_of_play = (std::time(nullptr) - 7200) / 300 * 300;
  const Past recorded = past();
  constexpr std::size_t kWindows =
      5 * 2 * (58 + 11) + 50 * 2 * 11;  // that a minute's lag lets close in an hour
  const auto run_live = [&](bool replayed) {
    Broker broker;
    Box box(broker.port(), kConfig);
    ChildProcess gateway = box.start("gateway");
    std::vector<std::string> filters = kResults;
    filters.insert(filters.end(), {"aggregates/#", "alerts/#", "late/#", "rejected/#"});
    Subscriber subscriber(broker, filters);
    ChildProcess sensors(simulator({"--seed", "9", "--speed", "max", "--port", broker.port_text(), "--start",
                                    to_rfc3339(Timestamp{std::chrono::seconds{start_of_play}})}),
                         {"/dev/null", box.folder() / "simulator.log"});
    if (replayed) {
      play(broker, box, gateway, "j", "arrival", recorded.messages);
      CHECK(await_summary(subscriber, "j")["state"] == "done");
    }
    REQUIRE(sensors.wait() == 0);
    std::vector<std::string> live;
    REQUIRE(wait_until([&] { return subscriber.received("aggregates/").size() >= kWindows; }));
    for (const Received& message : subscriber.received("aggregates/")) live.push_back(message.payload);
    for (const Received& message : subscriber.received("alerts/")) {
      auto alert = message.json();
      alert.erase("latency");  // arrivals are of today
      live.push_back(alert.dump());
    }
    CHECK(subscriber.received("late/").empty());
    CHECK(subscriber.received("rejected/").empty());
    std::ranges::sort(live);
    CHECK(gateway.stop() == 0);
    const auto books = run({program("gateway"), "books", "--config", box.config(), "--json"});
    live.push_back(nlohmann::json::parse(books.out)["books"].dump());
    return live;
  };
  const auto alone = run_live(false), beside = run_live(true);
  CHECK(alone.size() > kWindows + 1);
  CHECK(beside == alone);
  CHECK(alone.back().find(R"("received":12000)") != std::string::npos);
}

TEST_CASE("what nobody should send on replay/ is refused or counted, and the gateway goes on") {
  Broker broker;
  Box box(broker.port(), kConfig);
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, kResults);
  const auto answers = [&](const std::string& job) {
    return subscriber.received("replay/" + job + "/summary");
  };
  for (const char* payload :
       {"", "\xff\xfe", "{\"action\":\"dance\"}", "{\"action\":\"start\",\"by\":7}", "[[[["})
    broker.publish("replay/bad/control", payload);
  REQUIRE(wait_until([&] { return answers("bad").size() == 5; }));
  for (const Received& answer : answers("bad")) CHECK(answer.json()["state"] == "refused");
  broker.publish("replay/unknown/sensors/net/north/a/temperature", "{}");
  broker.publish("replay/unknown/sensors/net/north/a/temperature", "{}");
  CHECK(await_summary(subscriber, "unknown")["state"] == "refused");

  // Escaped, a message may be much longer than limits.message_size lets it be itself.
  const std::string large = R"({"value":7,"note":")" + std::string(60'000, ' ') + "\"}";
  std::string quotes = R"({"value":8,"note":")";
  for (int i = 0; i < 30'000; ++i) quotes += "\\\"";
  quotes += "\"}";
  broker.publish("replay/j/control", start("event"), true);
  for (std::uint64_t offset = 0; const std::string& payload : {large, quotes, std::string(70'000, ' ')}) {
    broker.publish("replay/j/sensors/net/north/a/temperature",
                   nlohmann::json{{"offset", ++offset},
                                  {"arrival", "2026-01-01T00:00:00Z"},
                                  {"retain", false},
                                  {"payload", payload}}
                       .dump());
  }
  broker.publish("replay/j/control", R"({"action":"end"})");
  const auto summary = await_summary(subscriber, "j");
  CHECK(summary["messages"] == 3);
  CHECK(summary["unreadable"] == 0);
  CHECK(summary["books"]["accepted"] == 2);
  CHECK(summary["books"]["rejected"]["too_large"] == 1);
  CHECK(answers("unknown").size() == 1);

  // The broker gives the retained start to whoever subscribes again: that is not to begin a job.
  CHECK(gateway.stop() == 0);
  Subscriber stats(broker, {"lookout/gateway/+/stats"});
  gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return !stats.received().empty(); }));
  CHECK(stats.received().back().json()["replays"] == 0);
  CHECK(gateway.stop() == 0);
}
