// The bridge's side of a replay, with the real bridge, simulator and Mosquitto: what goes out, and what comes
// of the answer. The gateway's part is played by the test.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/observer.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* kWindow =
    "[time]\nlag = \"10s\"\nallowed_lateness = \"1m\"\n[[window]]\nname = \"5m\"\nsize = \"5m\"\nby = "
    "[\"region\"]\n";
const std::vector<std::string> kEver{"--from", "2020-01-01", "--to", "2100-01-01"};

/// Says of every mark that it is reached.
class Marker {
 public:
  explicit Marker(const Broker& broker)
      : broker_(broker),
        controls_(broker, {"replay/+/control"}),
        thread_([this](const std::stop_token& stop) {
          for (; !stop.stop_requested(); std::this_thread::sleep_for(2ms)) answer();
        }) {}
  static void reach(const Broker& broker, const std::string& job, std::uint64_t mark) {
    broker.publish("replay/" + job + "/progress", json{{"mark", mark}}.dump());
  }

 private:
  void answer() {
    const auto controls = controls_.received();
    for (; answered_ < controls.size(); ++answered_) {
      const Received& control = controls[answered_];
      if (control.json()["action"] != "mark") continue;
      try {
        reach(broker_, control.topic.substr(7, control.topic.rfind('/') - 7), control.json()["mark"]);
      } catch (const std::exception&) {
        return;  // the broker is away: again
      }
    }
  }
  const Broker& broker_;
  Subscriber controls_;
  std::size_t answered_ = 0;
  std::jthread thread_;
};

/// The gateway, as far as a replay sees it.
class FakeGateway {
 public:
  explicit FakeGateway(const Broker& broker, bool answers_marks = true)
      : broker_(broker), seen_(broker, {"replay/#"}) {
    if (answers_marks) marker_.emplace(broker);
    broker.publish("lookout/gateway/test-box/status", R"({"state":"online"})", true);
  }

  /// What came on the control topic, in order, marks aside.
  std::vector<std::string> actions(const std::string& job) {
    std::vector<std::string> actions;
    for (const auto& message : seen_.received("replay/" + job + "/control"))
      if (message.json()["action"] != "mark") actions.push_back(message.json()["action"]);
    return actions;
  }
  /// How many envelopes came before each mark.
  std::vector<std::size_t> envelopes_before_marks(const std::string& job) {
    std::vector<std::size_t> counts;
    std::size_t envelopes = 0;
    for (const auto& message : seen_.received("replay/" + job + "/")) {
      if (message.topic.starts_with("replay/" + job + "/sensors/")) ++envelopes;
      if (message.topic.ends_with("/control") && message.json()["action"] == "mark")
        counts.push_back(envelopes);
    }
    return counts;
  }
  bool await(const std::string& job, const std::string& action) {
    return wait_until([&] {
      const auto all = actions(job);
      return std::ranges::find(all, action) != all.end();
    });
  }
  json start(const std::string& job) { return seen_.received("replay/" + job + "/control").at(0).json(); }
  void answer(const std::string& job, const std::string& state, std::size_t aggregates = 0) const {
    broker_.publish(fmt::format("replay/{}/summary", job),
                    json{{"job", job}, {"state", state}, {"outputs", {{"aggregates", aggregates}}}}.dump());
  }
  /// The envelopes of a job, in order.
  std::vector<Received> envelopes(const std::string& job) {
    const std::string prefix = "replay/" + job + "/";
    auto all = seen_.received(prefix);
    std::erase_if(all, [&](const Received& message) {
      return message.topic == prefix + "control" || message.topic == prefix + "summary" ||
             message.topic == prefix + "progress" || message.topic.starts_with(prefix + "aggregates/");
    });
    for (Received& message : all) message.topic.erase(0, prefix.size());
    return all;
  }

 private:
  const Broker& broker_;
  Subscriber seen_;
  std::optional<Marker> marker_;
};

std::vector<std::string> command(const Box& box, const std::string& name,
                                 std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("bridge"), name});
  arguments.insert(arguments.end(), {"--config", box.config()});
  return arguments;
}

/// `lookout-bridge replay` in the background; job.out and job.err are in the box's folder.
ChildProcess replay(const Box& box, const std::string& job, std::vector<std::string> arguments,
                    std::vector<std::string> range = kEver) {
  arguments.insert(arguments.end(), range.begin(), range.end());
  arguments.insert(arguments.end(), {"--job", job});
  return {command(box, "replay", std::move(arguments)),
          {box.folder() / (job + ".out"), box.folder() / (job + ".err")}};
}

/// A replay to its end, with a gateway that has no results.
void replay_all(const Box& box, FakeGateway& gateway, const std::string& job,
                const std::vector<std::string>& arguments) {
  ChildProcess child = replay(box, job, arguments);
  const bool ended = gateway.await(job, "end");
  INFO(slurp(box.folder() / (job + ".err")));
  REQUIRE(ended);
  gateway.answer(job, "done");
  CHECK(child.wait() == 0);
  CHECK(gateway.actions(job) == std::vector<std::string>{"start", "end"});
}

struct Message {
  std::uint64_t offset;
  double time;  // by event
  std::string topic, envelope;
};

/// What the archive holds of sensors, as envelopes by offset.
std::vector<Message> archived(const Box& box) {
  const auto exported = run(command(box, "export", {"--kind", "messages", "--topics", "sensors/#"}));
  REQUIRE(exported.code == 0);
  std::vector<Message> messages;
  std::istringstream lines(exported.out);
  for (std::string line; std::getline(lines, line);) {
    auto row = nlohmann::ordered_json::parse(line);
    const std::string topic = row["topic"];
    row.erase("topic");
    const auto payload = json::parse(row["payload"].get<std::string>(), nullptr, false);
    const double time = payload.is_object() ? payload["event_time"].get<double>() : epoch_of(row["arrival"]);
    messages.push_back({row["offset"], time, topic, row.dump()});
  }
  return messages;
}

std::vector<std::string> lines_of(const std::vector<Message>& messages) {
  std::vector<std::string> lines;
  for (const Message& message : messages) lines.push_back(message.topic + ' ' + message.envelope);
  return lines;
}

std::vector<std::string> lines_of(const std::vector<Received>& messages) {
  std::vector<std::string> lines;
  for (const Received& message : messages) {
    CHECK_FALSE(message.retain);
    lines.push_back(message.topic + ' ' + message.payload);
  }
  return lines;
}

/// Also before there is an archive.
std::size_t count_archived(const Box& box) {
  return occurrences(run(command(box, "export", {"--kind", "messages", "--topics", "sensors/#"})).out, "\n");
}

std::uintmax_t wal_size(const Box& box) {
  std::uintmax_t size = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(box.state() / "bridge" / "archive", error)) {
    if (entry.path().string().ends_with("-wal")) size = std::max(size, entry.file_size(error));
  }
  return error ? 0 : size;
}

// A replay of ten a second, and beside it a load that fills the archive's log several times over.
void check_log_beside_replay(const std::string& order) {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  simulate(broker, {"run", "--sensors", "20", "--interval", "10s", "--duration", "5m", "--speed", "max"});
  REQUIRE(wait_until([&] { return count_archived(box) == 20 * 30 * 2; }));
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "slow", {"--by", order, "--rate", "10"});
  REQUIRE(wait_until([&] { return gateway.envelopes("slow").size() > 5; }));
  ChildProcess load({program("simulator"), "run", "--sensors", "500", "--interval", "10s", "--duration",
                     "40m", "--start", "2026-03-01", "--speed", "max", "--port", broker.port_text()},
                    {});
  std::uintmax_t largest = 0;
  CHECK(wait_until(
      [&] {
        largest = std::max(largest, wal_size(box));
        return !load.running();
      },
      120s));
  // Told by the statistics: whoever asked the archive itself would hold up its log.
  const auto is_archived = [&] {
    largest = std::max(largest, wal_size(box));
    const auto status = nlohmann::json::parse(run(command(box, "status", {"--json"})).out, nullptr, false);
    return status.is_object() && status["lag"]["records"] == 0 && status["archive"]["next_offset"] >= 241'200;
  };
  CHECK(wait_until(is_archived, 180s));
  largest = std::max(largest, wal_size(box));
  CHECK(largest > 0);
  CHECK(largest <= std::uintmax_t{32} << 20);
  CHECK(child.running());
  child.send(SIGTERM);
  REQUIRE(gateway.await("slow", "cancel"));
  gateway.answer("slow", "cancelled");
  CHECK(child.wait() == 1);
  CHECK(archiver.stop() == 0);
}

void send_reading(const Broker& broker, const std::string& event_time) {
  broker.publish("sensors/wild/north/s1/temperature",
                 fmt::format(R"({{"event_time":"{}","value":20}})", event_time));
}

json result(const std::string& start, const std::string& end, int count) {
  return {{"id", "wild/5m/north/temperature/" + start},
          {"revision", 0},
          {"network", "wild"},
          {"window", "5m"},
          {"group", "north"},
          {"metric", "temperature"},
          {"unit", ""},
          {"start", start},
          {"end", end},
          {"closed_by", "end_of_input"},
          {"count", count},
          {"sensors", 1},
          {"sum", 20.0 * count},
          {"mean", 20.0},
          {"min", 20.0},
          {"max", 20.0},
          {"stddev", 0.0},
          {"first", 20.0},
          {"last", 20.0},
          {"watermark", end},
          {"late", 0},
          {"seq_gaps", 0}};
}

constexpr const char* kAggregates = "aggregates/wild/5m/north/temperature";

}  // namespace

TEST_CASE("a replay sends what the archive holds, in order, each once, the same at any speed") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  simulate(broker,
           {"run", "--sensors", "20", "--interval", "10s", "--duration", "3m", "--speed", "max", "--seed",
            "4", "--duplicates", "0.05", "--reorder", "0.2", "--truth", box.ledger().string()});
  broker.publish("sensors/wildfire/north/sensor-000/temperature", "no JSON");
  const std::size_t readings = read_ledger(box.ledger()).size();
  REQUIRE(readings > 700);
  REQUIRE(wait_until([&] { return count_archived(box) > readings; }));
  // Repeats may come behind it.
  REQUIRE(wait_until([&, before = std::size_t{0}]() mutable {
    return std::exchange(before, count_archived(box)) == count_archived(box);
  }));
  auto messages = archived(box);
  REQUIRE(messages.size() > readings + 1);  // repeats

  FakeGateway gateway(broker);
  replay_all(box, gateway, "arrival", {"--by", "arrival", "--speed", "max", "--rate", "0"});
  CHECK(gateway.start("arrival")["by"] == "arrival");
  CHECK(gateway.start("arrival")["from"] == "2020-01-01T00:00:00Z");
  CHECK(lines_of(gateway.envelopes("arrival")) == lines_of(messages));

  // By event: repeats are left out.
  std::set<std::string> seen;
  std::erase_if(messages, [&](const Message& message) {
    const auto payload = json::parse(message.envelope)["payload"].get<std::string>();
    return !seen.insert(message.topic + payload).second;
  });
  CHECK(messages.size() == readings + 1);
  const auto before = lines_of(messages);
  std::ranges::sort(messages, {},
                    [](const Message& message) { return std::pair(message.time, message.offset); });
  CHECK(lines_of(messages) != before);
  replay_all(box, gateway, "max", {"--rate", "0"});
  CHECK(lines_of(gateway.envelopes("max")) == lines_of(messages));
  const auto begin = std::chrono::steady_clock::now();
  replay_all(box, gateway, "fast", {"--speed", "60x"});
  CHECK(std::chrono::steady_clock::now() - begin >= 2500ms);  // three minutes less an interval
  CHECK(lines_of(gateway.envelopes("fast")) == lines_of(messages));
  CHECK(archiver.stop() == 0);
}

TEST_CASE("a replay goes on where it was when the broker comes back") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  simulate(broker, {"run", "--sensors", "20", "--interval", "10s", "--duration", "5m", "--speed", "max"});
  REQUIRE(wait_until([&] { return count_archived(box) == 20 * 30 * 2; }));
  Observer witness(broker, {"replay/+/control", "replay/+/sensors/#"});
  const Marker marker(broker);
  broker.publish("lookout/gateway/test-box/status", R"({"state":"online"})", true);
  ChildProcess child = replay(box, "on", {"--rate", "200"});
  std::vector<std::uint64_t> offsets;
  std::set<std::uint64_t> known;
  bool ended = false;
  const auto look = [&] {
    witness.drain([&](const Observer::Seen& seen) {
      if (seen.topic.ends_with("/control")) {
        ended = ended || json::parse(seen.payload)["action"] == "end";
        return;
      }
      const std::uint64_t offset = json::parse(seen.payload)["offset"];
      if (known.insert(offset).second) offsets.push_back(offset);
    });
  };
  REQUIRE(wait_until([&] {
    look();
    return offsets.size() > 100;
  }));
  broker.stop();
  broker.start();
  witness.await();
  REQUIRE(wait_until([&] {
    look();
    return ended;
  }));
  std::vector<std::uint64_t> expected;
  auto messages = archived(box);
  std::ranges::sort(messages, {},
                    [](const Message& message) { return std::pair(message.time, message.offset); });
  for (const Message& message : messages) expected.push_back(message.offset);
  CHECK(offsets == expected);
  broker.publish("replay/on/summary", R"({"job":"on","state":"done"})");
  CHECK(child.wait() == 0);
  CHECK(archiver.stop() == 0);
}

TEST_CASE("a replay sends no more than the gateway is through with, and to one that says nothing little") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  simulate(broker, {"run", "--sensors", "20", "--interval", "10s", "--duration", "40s", "--speed", "max"});
  REQUIRE(wait_until([&] { return count_archived(box) == 20 * 4 * 2; }));
  FakeGateway gateway(broker, false);
  ChildProcess child = replay(box, "slow", {});
  REQUIRE(wait_until([&] { return gateway.envelopes_before_marks("slow").size() >= 3; }));
  Marker::reach(broker, "slow", 99);  // nobody has asked for that one
  REQUIRE(wait_until([&] { return gateway.envelopes_before_marks("slow").size() >= 4; }));
  auto marks = gateway.envelopes_before_marks("slow");
  marks.resize(4);
  CHECK(marks == std::vector<std::size_t>{1, 2, 3, 4});
  // One that answers gets more.
  const Marker marker(broker);
  REQUIRE(gateway.await("slow", "end"));
  CHECK(gateway.envelopes("slow").size() == 20 * 4 * 2);
  CHECK(gateway.envelopes_before_marks("slow").size() < 20 * 4 * 2);
  gateway.answer("slow", "done");
  CHECK(child.wait() == 0);

  // Who wants it at any price asks nobody.
  replay_all(box, gateway, "all", {"--rate", "0"});
  CHECK(gateway.envelopes("all").size() == 20 * 4 * 2);
  CHECK(gateway.envelopes_before_marks("all").empty());
  CHECK(archiver.stop() == 0);
}

TEST_CASE("a replay that is interrupted cancels its job and says so") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:00Z");
  send_reading(broker, "2026-03-01T18:00:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 2; }));
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "long", {"--speed", "1x"});
  REQUIRE(wait_until([&] { return gateway.envelopes("long").size() == 1; }));
  child.send(SIGINT);
  REQUIRE(gateway.await("long", "cancel"));
  gateway.answer("long", "cancelled");
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "long.err"),
             Catch::Contains("replay long was cancelled after 1 messages\n"));
  CHECK(gateway.actions("long") == std::vector<std::string>{"start", "cancel"});

  ChildProcess refused = replay(box, "refused", {"--speed", "1x"});
  REQUIRE(gateway.await("refused", "start"));
  gateway.answer("refused", "refused");
  CHECK(refused.wait() == 1);  // at once, not in six hours
  CHECK_THAT(slurp(box.folder() / "refused.err"), Catch::Contains("replay refused is refused"));
  CHECK(archiver.stop() == 0);
}

TEST_CASE("by event time, a slow replay leaves the log of the archive that is written small") {
  check_log_beside_replay("event");
}

TEST_CASE("by arrival, a slow replay leaves the log of the archive that is written small") {
  check_log_beside_replay("arrival");
}

TEST_CASE("into live goes what differs and live is done with, and a second time nothing") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  for (const char* time : {"11:54:59", "11:55:00", "12:00:10", "12:05:10", "12:10:10", "12:20:00"})
    send_reading(broker, fmt::format("2026-03-01T{}Z", time));
  const json partly = result("2026-03-01T11:55:00Z", "2026-03-01T12:00:00Z", 1);
  const json differs = result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 3);
  const json equal = result("2026-03-01T12:05:00Z", "2026-03-01T12:10:00Z", 1);
  const json fresh = result("2026-03-01T12:10:00Z", "2026-03-01T12:15:00Z", 1);
  const json open = result("2026-03-01T12:15:00Z", "2026-03-01T12:20:00Z", 1);
  json live = differs;
  live["count"] = 2;
  broker.publish(kAggregates, live.dump());
  broker.publish(kAggregates, equal.dump());
  FakeGateway gateway(broker);
  Subscriber aggregates(broker, {"aggregates/#"});
  const auto archived_results = [&] {
    return occurrences(run(command(box, "query", {"--kind", "aggregates", "--format", "ndjson"})).out, "\n");
  };
  REQUIRE(wait_until([&] { return archived_results() == 2 && count_archived(box) == 6; }));

  const auto promote = [&](const std::string& job) {
    ChildProcess child = replay(box, job, {"--into", "live", "--json"},
                                {"--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T12:20:00Z"});
    REQUIRE(gateway.await(job, "end"));
    for (json row : {partly, differs, equal, fresh, open}) {
      row["historical"] = true;
      broker.publish("replay/" + job + "/" + kAggregates, row.dump());
    }
    gateway.answer(job, "done", 5);
    REQUIRE(child.wait() == 0);
    return json::parse(slurp(box.folder() / (job + ".out")));
  };
  const auto first = promote("one");
  CHECK(gateway.start("one")["from"] == "2026-03-01T12:00:00Z");
  CHECK(gateway.envelopes("one").size() == 5);  // five minutes more on either side
  CHECK(first["promotion"]["promoted"] == 2);
  CHECK(first["promotion"]["equal"] == 1);
  CHECK(first["promotion"]["not_final"] == 1);
  CHECK(first["promotion"]["partly_outside"] == 1);
  REQUIRE(wait_until([&] { return archived_results() == 4; }));
  const auto promoted = aggregates.received("aggregates/");
  REQUIRE(promoted.size() == 2);
  json expected = differs;
  expected["revision"] = 1;
  expected["closed_by"] = "replay";
  CHECK(promoted[0].json() == expected);
  CHECK(promoted[0].topic == kAggregates);
  CHECK_FALSE(promoted[0].retain);
  expected = fresh;
  expected["closed_by"] = "replay";
  CHECK(promoted[1].json() == expected);

  const auto second = promote("two");
  CHECK(second["promotion"]["promoted"] == 0);
  CHECK(second["promotion"]["equal"] == 3);
  CHECK(aggregates.received("aggregates/").size() == 2);
  CHECK(archiver.stop() == 0);
}

TEST_CASE("nothing is promoted where results of the job are missing") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  send_reading(broker, "2026-03-01T12:30:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 2; }));
  FakeGateway gateway(broker);
  Subscriber aggregates(broker, {"aggregates/#"});
  ChildProcess child = replay(box, "lost", {"--into", "live"});
  REQUIRE(gateway.await("lost", "end"));
  broker.publish(std::string("replay/lost/") + kAggregates,
                 result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 1).dump());
  gateway.answer("lost", "done", 2);
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "lost.err"), Catch::Contains("of 2 results 1 came"));
  CHECK(aggregates.received("aggregates/").empty());
  CHECK(archiver.stop() == 0);
}

TEST_CASE("nothing is promoted out of an archive whose bridge does not run") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 1; }));
  REQUIRE(archiver.stop() == 0);
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "down", {"--into", "live"});
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "down.err"),
             Catch::Contains("the bridge does not run, or is stuck: nothing is promoted"));
  CHECK(gateway.actions("down").empty());
}

TEST_CASE("a damaged file is left out of a replay, named, and keeps results from being promoted") {
  Broker broker;
  Box box(broker.port(), std::string(kWindow) + "[archive]\nretention_size = \"16 MiB\"\n");
  ChildProcess archiver = box.start("bridge");
  for (int i = 0; i < 30; ++i) broker.publish("sensors/wild/north/s1/note", std::string(60'000, 'x'));
  send_reading(broker, "2026-03-01T12:00:00Z");
  const auto closed = [&]() -> std::filesystem::path {
    for (const auto& entry : std::filesystem::directory_iterator(box.state() / "bridge" / "archive")) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("00000000000000000000-") && !name.contains(".open.")) return entry.path();
    }
    return {};
  };
  REQUIRE(wait_until([&] { return count_archived(box) == 31 && !closed().empty(); }));
  spit(closed(), "no database at all");
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "damaged", {});
  REQUIRE(gateway.await("damaged", "end"));
  const auto sent = gateway.envelopes("damaged").size();
  CHECK(sent > 0);
  CHECK(sent < 31);
  gateway.answer("damaged", "done");
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "damaged.err"),
             Catch::Contains(closed().filename().string()) && Catch::Contains("passed over"));
  ChildProcess into_live = replay(box, "promoted", {"--into", "live"});
  CHECK(into_live.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "promoted.err"), Catch::Contains("nothing is promoted while files"));
  CHECK(gateway.actions("promoted").empty());
  CHECK(archiver.stop() == 0);
}

TEST_CASE("a replay that a broker does not let in says so") {
  Broker broker;
  Box box(broker.port(), kWindow);
  {
    ChildProcess archiver = box.start("bridge");
    send_reading(broker, "2026-03-01T12:00:00Z");
    REQUIRE(wait_until([&] { return count_archived(box) == 1; }));
    CHECK(archiver.stop() == 0);
  }
  const TempFolder folder;
  spit(folder / "passwords", "");
  Broker closed("allow_anonymous false\npassword_file " + (folder / "passwords").string() + "\n");
  box.configure(closed.port(), kWindow);
  const auto finished = run(command(box, "replay", {"--from", "2020-01-01", "--to", "2100-01-01"}), 60s);
  CHECK(finished.code == 1);
  CHECK_THAT(finished.err, Catch::Contains("no connection, or no login, at the broker"));
}

// 200,001 results at the most, through a broker: too long for a busy machine.
TEST_CASE("more results than can be promoted end a replay as soon as they are there", "[.][long-promotion]") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  send_reading(broker, "2026-03-01T18:00:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 2; }));
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "many", {"--into", "live", "--speed", "1x"});
  REQUIRE(wait_until([&] { return gateway.envelopes("many").size() == 1; }));
  json row = result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 1);
  std::string lines;
  for (int i = 0; i <= 200'000; ++i) {
    row["id"] = fmt::format("wild/5m/north/m{}/2026-03-01T12:00:00Z", i);
    lines += row.dump() + '\n';
    // A mosquitto_pub that has more to send than this reads no PUBACK meanwhile, and Mosquitto ends it.
    if (i % 20'000 != 0) continue;
    spit(box.folder() / "lines", lines);
    lines.clear();
    REQUIRE(run({"sh", "-c", "exec mosquitto_pub -l -q 1 -p \"$0\" -t replay/many/aggregates/x < \"$1\"",
                 broker.port_text(), (box.folder() / "lines").string()},
                60s)
                .code == 0);
  }
  REQUIRE(gateway.await("many", "cancel"));  // not in six hours
  gateway.answer("many", "cancelled");
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "many.err"),
             Catch::Contains("more than 200000 results: nothing was promoted"));
  CHECK(archiver.stop() == 0);
}

TEST_CASE("a replay that cannot be says why, and what there is") {
  Broker broker;
  Box box(broker.port(), kWindow);
  const auto said = [&](std::vector<std::string> arguments, int code) {
    const auto finished = run(command(box, "replay", std::move(arguments)), 100s);
    INFO(finished.err);
    CHECK(finished.code == code);
    CHECK(finished.out.empty());
    return finished.err;
  };
  const auto ever = [](std::vector<std::string> more) {
    more.insert(more.end(), kEver.begin(), kEver.end());
    return more;
  };
  CHECK_THAT(said(kEver, 1), Catch::Contains("there is no archive"));
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 1; }));
  CHECK_THAT(
      said({"--from", "2026-03-02", "--to", "2026-03-03"}, 1),
      Catch::Contains("nothing is archived from 2026-03-02T00:00:00Z to 2026-03-03T00:00:00Z (by event "
                      "time): the archive holds 2026-03-01T12:00:00Z to 2026-03-01T12:00:00Z"));
  CHECK_THAT(
      said(ever({"--topics", "sensors/other/#"}), 1),
      Catch::Contains("no message in the archive has a topic of an input that 'sensors/other/#' matches"));
  CHECK_THAT(said({"--from", "yesterday", "--to", "2100-01-01"}, 2), Catch::Contains("--from"));
  CHECK_THAT(said({"--to", "2100-01-01"}, 2), Catch::Contains("--from is required"));
  CHECK_THAT(said(ever({"--speed", "fast"}), 2), Catch::Contains("1x, 60x"));
  CHECK_THAT(said(ever({"--job", "a/b"}), 2), Catch::Contains("'a/b' is no name for a job"));
  CHECK_THAT(said(ever({"--into", "live", "--by", "arrival"}), 2), Catch::Contains("needs --by event"));
  CHECK_THAT(said(ever({"--into", "past"}), 2), Catch::Contains("--into"));
  CHECK_THAT(said(ever({"--rate", "-1"}), 2), Catch::Contains("--rate"));
  CHECK_THAT(said(kEver, 1), Catch::Contains("no gateway is online at 127.0.0.1"));  // after half a minute
  CHECK(archiver.stop() == 0);
}
