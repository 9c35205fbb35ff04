// The bridge's side of a replay, with the real bridge, simulator and Mosquitto: what goes out, and what comes
// of the answer. The gateway's part is played by the test.
#include <map>
#include <set>
#include <sstream>

#include "tests/integration/fake_gateway.h"
#include "tests/support/ledger.h"
#include "tests/support/observer.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

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
  archive_readings(broker, box, 30);
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
  archive_readings(broker, box, 30);
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
  // Whoever sent before he listened would not hear what comes of it: at the start, and when the broker is
  // back.
  std::vector<bool> is_listener;
  std::istringstream log(broker.log());
  for (std::string line; std::getline(log, line);) {
    if (line.contains("New client connected") && line.contains(" as lookout-replay-"))
      is_listener.push_back(line.contains("-in "));
  }
  CHECK(is_listener == std::vector<bool>{true, false, true, false});
  broker.publish("replay/on/summary", R"({"job":"on","state":"done"})");
  CHECK(child.wait() == 0);
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
