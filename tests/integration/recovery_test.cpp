// What a start finds of the run before it: snapshots, outputs that nobody confirmed, alerts, another
// configuration.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/journal_writer.h"
#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/ledger_check.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;

namespace {

// A journal so small that snapshots are taken all the time to trim it.
constexpr const char* kSmallJournal = "[journal]\nsegment = \"1 MiB\"\nlimit = \"4 MiB\"\n";

std::string window(const std::string& size) {
  return fmt::format("[[window]]\nname = \"w\"\nsize = \"{}\"\nby = [\"region\"]\n", size);
}
const std::string kFireRule = "[[rule]]\nname = \"Fire\"\nwindow = \"w\"\nwhen = \"temperature.mean > 35\"\n";

std::vector<std::filesystem::path> files(const std::filesystem::path& folder, const std::string& extension) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

/// How often a gateway has got so far as to work on its journal.
std::size_t times_begun(const Box& box) { return occurrences(box.log("gateway"), "goes on at offset"); }

std::vector<std::filesystem::path> snapshots(const Box& box) {
  return files(box.state() / "gateway", ".snapshot");
}
std::vector<std::filesystem::path> segments(const Box& box) {
  return files(box.state() / "gateway" / "journal", ".journal");
}

/// By id and revision; fails where one has two contents.
std::map<std::pair<std::string, int>, nlohmann::json> aggregates(Subscriber& subscriber) {
  std::map<std::pair<std::string, int>, nlohmann::json> found;
  for (const auto& message : subscriber.received("aggregates/")) {
    const auto json = message.json();
    const auto [known, is_new] = found.try_emplace({json["id"], json["revision"]}, json);
    INFO(message.payload);
    if (!is_new) REQUIRE(known->second == json);
  }
  return found;
}

/// Fails where a window's figures are not those of the ledger's readings.
void check_against(const std::vector<LedgerEntry>& ledger, const nlohmann::json& window) {
  INFO(window.dump());
  REQUIRE(agrees(ledger, window));
  REQUIRE_FALSE(window.contains("incomplete"));
}

std::vector<std::string> alert_changes(Subscriber& subscriber) {
  std::vector<std::string> changes;
  for (const auto& alert : subscriber.received("alerts/")) {
    std::string change =
        fmt::format("{} r{}", alert.json()["state"].get<std::string>(), alert.json()["revision"].get<int>());
    if (changes.empty() || changes.back() != change) changes.push_back(std::move(change));
  }
  return changes;
}

// 23 windows of 5 minutes close in 2 h with a lag of a minute, of 5 regions and 2 metrics.
constexpr std::size_t kWindows = 23 * 5 * 2;

}  // namespace

TEST_CASE(
    "killed again and again with snapshots in between: every window is right, the journal stays small") {
  Broker broker;
  Box box(broker.port(), kSmallJournal + window("5m"));
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"aggregates/#"});
  ChildProcess simulator(wildfire(box, broker, "720x"), {"/dev/null", box.folder() / "simulator.log"});
  for (std::size_t progress = 3'000; progress < 24'000; progress += 3'000) {
    REQUIRE(wait_until([&] { return count_ledger(box.ledger()) > progress; }));
    gateway.kill();
    gateway = box.start("gateway");
  }
  REQUIRE(simulator.wait() == 0);
  const auto ledger = read_ledger(box.ledger());
  REQUIRE(wait_until([&] { return aggregates(subscriber).size() >= kWindows; }));
  for (const auto& [id, window] : aggregates(subscriber)) check_against(ledger, window);
  CHECK(snapshots(box).size() == 2);
  CHECK(segments(box).front().stem() != "00000000000000000000");
  CHECK(gateway.stop() == 0);
}

// The first run's outputs are all forgotten to be confirmed, and those that follow, without a broker,
// snapshot and trim until the journal cannot give them again.
TEST_CASE("what was not confirmed over two snapshots and a kill comes out") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsegment = \"1 MiB\"\n" + window("5m"));
  ChildProcess gateway = box.start("gateway");
  Subscriber before(broker, {"aggregates/#"});
  REQUIRE(run(wildfire(box, broker, "max")).code == 0);
  REQUIRE(wait_until([&] { return aggregates(before).size() >= kWindows; }));
  gateway.kill();
  broker.stop();
  std::filesystem::remove(box.state() / "gateway" / "cursor");
  REQUIRE(snapshots(box).empty());
  box.configure(broker.port(), kSmallJournal + window("5m"));
  for (std::size_t starts = 2; starts <= 3; ++starts) {
    gateway = box.start("gateway", false);
    REQUIRE(wait_until([&] { return times_begun(box) == starts && !snapshots(box).empty(); }));
    REQUIRE(gateway.stop() == 0);  // with a snapshot of its own
  }
  REQUIRE(snapshots(box).size() == 2);
  gateway = box.start("gateway", false);
  REQUIRE(wait_until([&] { return segments(box).front().stem() != "00000000000000000000"; }));
  gateway.kill();
  broker.start();
  Subscriber subscriber(broker, {"aggregates/#"});
  gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return aggregates(subscriber).size() >= kWindows; }));
  const auto ledger = read_ledger(box.ledger());
  for (const auto& [id, window] : aggregates(subscriber)) check_against(ledger, window);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("another configuration after a kill: no id with two contents") {
  Broker broker;
  Box box(broker.port(), window("5m"));
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"aggregates/#"});
  ChildProcess simulator(wildfire(box, broker, "720x"), {"/dev/null", box.folder() / "simulator.log"});
  for (std::size_t progress = 5'000; progress < 24'000; progress += 5'000) {
    REQUIRE(wait_until([&] { return count_ledger(box.ledger()) > progress; }));
    gateway.kill();
    box.configure(broker.port(), window(progress % 2'000 == 1'000 ? "2m" : "5m"));
    gateway = box.start("gateway");
  }
  REQUIRE(simulator.wait() == 0);
  REQUIRE(wait_until([&] {
    return box.log("gateway").find("stopping") != std::string::npos || aggregates(subscriber).size() > 200;
  }));
  CHECK(gateway.stop() == 0);
  const auto ledger = read_ledger(box.ledger());
  std::set<std::string> lengths;
  for (const auto& [id, window] : aggregates(subscriber)) {
    lengths.insert(fmt::format("{}", epoch_of(window["end"]) - epoch_of(window["start"])));
    if (window["closed_by"] == "watermark") check_against(ledger, window);
  }
  CHECK(lengths == std::set<std::string>{"120", "300"});
}

// Another configuration ends a thousand windows with one record, which is more than may wait for the broker.
TEST_CASE("stopped in order in the middle of a record's results: all of them come out") {
  constexpr std::size_t kSensors = 1'000;
  Broker broker;
  const auto by_sensor = [](const std::string& size) {
    return "[[window]]\nname = \"w\"\nsize = \"" + size + "\"\nby = [\"sensor\"]\n";
  };
  Box box(broker.port(), by_sensor("5m"));
  {
    const auto journal =
        std::move(*JournalWriter::open(box.state() / "gateway" / "journal", JournalConfig{}));
    REQUIRE(journal->prepare());
    for (std::size_t i = 0; i < kSensors; ++i)
      REQUIRE(
          journal->append({wall_clock_now(), fmt::format("sensors/net/north/s{}/t", i), R"({"value":1})"}));
  }
  broker.stop();
  ChildProcess gateway = box.start("gateway", false);
  REQUIRE(wait_until([&] { return times_begun(box) == 1; }));
  gateway.send(SIGTERM);
  // What is handed over in part, and a broker that is away, take no longer.
  REQUIRE(gateway.wait(std::chrono::seconds{5}) == 0);
  box.configure(broker.port(), by_sensor("2m"));
  gateway = box.start("gateway", false);
  REQUIRE(wait_until([&] { return times_begun(box) == 2; }));
  REQUIRE(gateway.stop() == 0);
  broker.start();
  Subscriber subscriber(broker, {"aggregates/#"});
  gateway = box.start("gateway");
  CHECK(wait_until([&] { return aggregates(subscriber).size() >= kSensors; }));
  CHECK(aggregates(subscriber).size() == kSensors);
  CHECK(gateway.stop() == 0);
}

TEST_CASE(
    "an alert survives a kill without being told anew, and what it should have become meanwhile it becomes") {
  Broker broker;
  Box box(broker.port(), window("10s") + kFireRule);
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"alerts/#"});
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 1000;
  const auto read = [&](std::int64_t time, int value) {
    broker.publish("sensors/net/north/a/temperature",
                   fmt::format(R"({{"event_time":{},"value":{}}})", start + time, value));
  };
  read(0, 50);
  read(80, 50);
  REQUIRE(wait_until([&] { return alert_changes(subscriber) == std::vector<std::string>{"firing r0"}; }));
  const std::string firing = subscriber.received("alerts/").front().payload;
  gateway.kill();
  gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return subscriber.received("alerts/").size() >= 2; }));
  for (const auto& message : subscriber.received("alerts/")) CHECK(message.payload == firing);

  gateway.kill();
  read(90, 10);
  read(180, 10);
  gateway = box.start("gateway");
  REQUIRE(wait_until(
      [&] { return alert_changes(subscriber) == std::vector<std::string>{"firing r0", "resolved r1"}; }));
  CHECK(gateway.stop() == 0);
}

// Firing and resolved follow from messages that come at once, so that the cursor's own time for being saved
// is not in between.
TEST_CASE("killed right after an alert was resolved: nobody is shown again that it fires") {
  Broker broker;
  Box box(broker.port(), window("10s") + kFireRule + "[time]\nlag = \"0s\"\n");
  Observer observer(broker, {"alerts/#"});
  Outputs outputs("w");
  const auto shown = [&] {
    outputs.take(observer);
    const auto of_topic = outputs.alerts().find("alerts/net/Fire/north");
    return of_topic == outputs.alerts().end() ? 0 : of_topic->second.size();
  };
  ChildProcess gateway = box.start("gateway");
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 1000;
  const auto read = [&](std::int64_t time, int value) {
    broker.publish("sensors/net/north/a/temperature",
                   fmt::format(R"({{"event_time":{},"value":{}}})", start + time, value));
  };
  constexpr std::size_t kRounds = 3;
  for (std::size_t round = 1; round <= kRounds; ++round) {
    const auto begin = static_cast<std::int64_t>(round) * 100;
    gateway.send(SIGSTOP);
    read(begin, 50);
    read(begin + 12, 10);
    read(begin + 22, 10);
    gateway.send(SIGCONT);
    REQUIRE(wait_until([&] { return shown() == 2 * round; }));
    gateway.kill();
    gateway = box.start("gateway");
  }
  read(900, 50);
  read(912, 50);
  REQUIRE(wait_until([&] { return shown() > 2 * kRounds; }));
  CHECK(outputs.gone_back() == std::vector<std::string>{});
  CHECK(shown() == 2 * kRounds + 1);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("a broker that lost what it retained gets the alerts back") {
  Broker broker;
  Box box(broker.port(), window("10s") + kFireRule);
  ChildProcess gateway = box.start("gateway");
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 1000;
  for (const std::int64_t time : {0, 80})
    broker.publish("sensors/net/north/a/temperature",
                   fmt::format(R"({{"event_time":{},"value":50}})", start + time));
  {
    Subscriber subscriber(broker, {"alerts/#"});
    REQUIRE(wait_until([&] { return alert_changes(subscriber) == std::vector<std::string>{"firing r0"}; }));
  }
  broker.kill();
  std::filesystem::remove(broker.folder() / "mosquitto.db");
  broker.start();
  Subscriber late(broker, {"alerts/#"});
  CHECK(wait_until([&] { return alert_changes(late) == std::vector<std::string>{"firing r0"}; }));
  CHECK(gateway.stop() == 0);
}

// Whoever sees `online` may believe that the alerts are those of everything that was taken before.
TEST_CASE("status is online only after the outputs of what was in the journal at the connection") {
  constexpr int kReadings = 20'000;
  Broker broker;
  Box box(broker.port(), window("10s"));
  {
    JournalConfig config;
    config.limit = std::uint64_t{1} << 30;
    const auto journal = std::move(*JournalWriter::open(box.state() / "gateway" / "journal", config));
    const Timestamp begin = wall_clock_now() - std::chrono::hours{48};
    for (int i = 0; i < kReadings; ++i) {
      REQUIRE(journal->prepare());
      REQUIRE(journal->append({begin + std::chrono::seconds{i}, "sensors/net/north/a/t", R"({"value":1})"}));
    }
  }
  Subscriber subscriber(broker, {"aggregates/#", "lookout/gateway/+/status"});
  ChildProcess gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return !subscriber.received("lookout/").empty(); }));
  const auto received = subscriber.received();
  const auto status = std::ranges::find_if(received, [](auto& m) { return m.topic.starts_with("lookout/"); });
  CHECK(status->json()["state"] == "online");
  CHECK(status - received.begin() >= kReadings / 10 - 7);  // all but the windows that lag holds open
  CHECK(gateway.stop() == 0);
}

// The card is replaced; the broker, on another box or with a disk of its own, still knows the gateway.
TEST_CASE("a gateway that lost its state says which windows lack what it had taken before") {
  Broker broker;
  Box box(broker.port(), window("10s") + "[time]\nlag = \"0s\"\n");
  Subscriber subscriber(broker, {"aggregates/#"});
  const auto read = [&](std::int64_t time) {
    broker.publish("sensors/net/north/a/t", fmt::format(R"({{"event_time":{},"value":1}})", time));
  };
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 100;
  ChildProcess gateway = box.start("gateway");
  read(start + 1);
  read(start + 12);
  REQUIRE(wait_until([&] { return subscriber.received().size() == 1; }));
  CHECK_FALSE(subscriber.received().back().json().contains("incomplete"));
  gateway.kill();
  std::filesystem::remove_all(box.state());
  read(start + 13);
  gateway = box.start("gateway");
  const std::int64_t later = std::time(nullptr) / 10 * 10 + 20;
  read(later + 1);
  read(later + 11);
  REQUIRE(wait_until([&] { return subscriber.received().size() == 3; }));
  const auto lacking = subscriber.received()[1].json(), complete = subscriber.received()[2].json();
  CHECK(static_cast<std::int64_t>(epoch_of(lacking["start"])) == start + 10);
  CHECK(lacking["count"] == 1);
  CHECK(lacking["incomplete"] == true);
  CHECK(static_cast<std::int64_t>(epoch_of(complete["start"])) == later);
  CHECK_FALSE(complete.contains("incomplete"));
  CHECK(box.log("gateway").find("the broker knows this box, whose state is new") != std::string::npos);

  // What comes out again after a kill says the same, to the byte.
  gateway.kill();
  std::filesystem::remove(box.state() / "gateway" / "cursor");
  gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return subscriber.received().size() == 5; }));
  CHECK(subscriber.received()[3].payload == subscriber.received()[1].payload);
  CHECK(subscriber.received()[4].payload == subscriber.received()[2].payload);
  CHECK(gateway.stop() == 0);
}
