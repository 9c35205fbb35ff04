#include <catch2/catch.hpp>

#include "common/journal_writer.h"
#include "tests/support/box.h"
#include "tests/support/observer.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;

namespace {

constexpr std::chrono::seconds kStopPatience{5};  // promised

std::string state_of(Subscriber& subscriber, const std::string& name) {
  const auto messages = subscriber.received("lookout/" + name + "/test-box/status");
  return messages.empty() ? "" : messages.back().json()["state"].get<std::string>();
}

}  // namespace

TEST_CASE("every program says its version, its help, and what is wrong with its arguments") {
  for (const std::string name : {"simulator", "gateway", "bridge"}) {
    INFO(name);
    const auto version = run({program(name), "--version"});
    CHECK(version.code == 0);
    CHECK(version.out == LOOKOUT_VERSION "\n");
    CHECK(run({program(name), "--help"}).code == 0);
    CHECK(run({program(name)}).code == 2);
    CHECK(run({program(name), "run", "--no-such-option"}).code == 2);
    CHECK(run({program(name), "walk"}).code == 2);
  }
}

TEST_CASE("a wrong configuration is exit code 78 and one message per error") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       "[time]\nlag = \"soon\"\n[mqtt]\nport = 0\n[[rule]]\nname = \"R\"\nwindow = \"w\"\nwhen = \"t.mean "
       ">\"\n");
  for (const std::string name : {"gateway", "bridge"}) {
    for (const std::string command : {"run", "check"}) {
      const auto finished = run({program(name), command, "--config", (folder / "lookout.toml").string()});
      INFO(name << ' ' << command << ": " << finished.err);
      CHECK(finished.code == 78);
      CHECK(finished.err.find("lookout.toml:2: time.lag: 'soon' is not a duration") != std::string::npos);
      CHECK(finished.err.find("lookout.toml:4: mqtt.port: expected a whole number from 1 to 65535") !=
            std::string::npos);
      CHECK(finished.err.find("'w' is not one of") != std::string::npos);
      CHECK(finished.err.find("there is no [[input]]") != std::string::npos);
      CHECK((finished.err.find("'t.mean >' is no condition") != std::string::npos) == (name == "gateway"));
      CHECK(occurrences(finished.err, "\n") == (name == "gateway" ? 5 : 4));
    }
  }
}

TEST_CASE(
    "after a power cut the start says what may be missing, after kill -9 and an orderly stop it does not") {
  Broker broker;
  Box box(broker.port(), "");
  for (const std::string name : {"gateway", "bridge"}) {
    const auto told = [&] { return occurrences(box.log(name), "the machine went down while"); };
    box.start(name).kill();
    CHECK(box.start(name).stop() == 0);
    box.start(name).kill();
    CHECK(told() == 0);
    spit(box.state() / name / "running", "of another boot");
    CHECK(box.start(name).stop() == 0);
    CHECK(told() == 1);
    CHECK_THAT(box.log(name), Catch::Contains("in the last 200ms before may be missing"));
    CHECK(box.start(name).stop() == 0);
    CHECK(told() == 1);
  }
}

TEST_CASE("a configuration that is not there is one error, and nothing else is said to be missing in it") {
  const TempFolder folder;
  const auto finished = run({program("gateway"), "check", "--config", (folder / "none.toml").string()});
  CHECK(finished.code == 78);
  CHECK_THAT(finished.err, Catch::Contains("none.toml") && Catch::Contains("No such file"));
  CHECK(occurrences(finished.err, "\n") == 1);
}

TEST_CASE("a second instance on the same state is exit code 75 with a clear message") {
  Broker broker;
  Box box(broker.port(), "");
  for (const std::string name : {"gateway", "bridge"}) {
    const ChildProcess first = box.start(name);
    const auto second = run({program(name), "run", "--config", box.config()});
    CHECK(second.code == 75);
    CHECK(second.err.find("is in use by another lookout-" + name) != std::string::npos);
  }
}

TEST_CASE(
    "status is online, stopping and offline in an orderly end, and offline by Last Will after kill -9") {
  Broker broker;
  Box box(broker.port(), "");
  for (const std::string name : {"gateway", "bridge"}) {
    INFO(name);
    Subscriber subscriber(broker, {"lookout/+/+/status"});
    ChildProcess child = box.start(name);
    REQUIRE(wait_until([&] { return state_of(subscriber, name) == "online"; }));
    CHECK(child.stop() == 0);
    REQUIRE(wait_until([&] { return state_of(subscriber, name) == "offline"; }));
    const auto messages = subscriber.received("lookout/" + name + "/");
    CHECK(messages.at(messages.size() - 2).json()["state"] == "stopping");
    child = box.start(name);
    REQUIRE(wait_until([&] { return state_of(subscriber, name) == "online"; }));
    child.kill();
    REQUIRE(wait_until([&] { return state_of(subscriber, name) == "offline"; }));
    Subscriber late(broker, {"lookout/+/+/status"});
    REQUIRE(wait_until([&] { return state_of(late, name) == "offline"; }));
    CHECK(late.received("lookout/" + name + "/").back().retain);
  }
}

TEST_CASE("without a broker the programs keep trying and connect when it comes") {
  Broker broker;
  broker.stop();
  Box box(broker.port(), "");
  ChildProcess gateway = box.start("gateway", false);
  ChildProcess bridge = box.start("bridge", false);
  for (const std::string name : {"gateway", "bridge"}) {
    REQUIRE(wait_until([&] { return occurrences(box.log(name), "cannot reach the broker") >= 2; }));
  }
  broker.start();
  for (const std::string name : {"gateway", "bridge"}) {
    REQUIRE(wait_until([&] { return occurrences(box.log(name), " subscribed to ") >= 2; }));
  }
  CHECK(gateway.stop() == 0);
  CHECK(bridge.stop() == 0);
}

TEST_CASE("without a broker the programs still stop in time") {
  Box box(free_port(), "");
  for (const std::string name : {"gateway", "bridge"}) {
    ChildProcess child = box.start(name, false);
    REQUIRE(wait_until([&] { return occurrences(box.log(name), "cannot reach the broker") >= 1; }));
    child.send(SIGTERM);
    CHECK(child.wait(kStopPatience) == 0);
  }
}

// The worst that a broker can do: each goodbye is waited for, and what the gateway has put out meanwhile.
TEST_CASE("with a broker that does not answer any more the programs still stop in time") {
  Broker broker;
  Box box(
      broker.port(),
      "[time]\nlag = \"0s\"\nidle = \"2s\"\n[[window]]\nname = \"w\"\nsize = \"1s\"\nby = [\"sensor\"]\n");
  const auto journaled = [&](const std::string& word) {
    const auto dump = run({program("gateway"), "journal", "dump", "--config", box.config()});
    return dump.out.find("\"" + word + "\"") != std::string::npos;
  };
  ChildProcess gateway = box.start("gateway"), bridge = box.start("bridge");
  broker.publish("sensors/net/north/a/t", R"({"value":1})");
  REQUIRE(wait_until([&] { return journaled("sensors/net/north/a/t"); }));
  broker.send(SIGSTOP);
  REQUIRE(wait_until([&] { return journaled("tick"); }));
  for (ChildProcess* program : {&gateway, &bridge}) {
    program->send(SIGTERM);
    CHECK(program->wait(kStopPatience) == 0);
  }
  broker.send(SIGCONT);
}

// Figures of a time when nobody listened are of no use: at most those are told that were on their way.
TEST_CASE("statistics do not pile up in front of alerts while the broker is away") {
  Broker broker;
  Observer observer(broker, {"lookout/gateway/#"});
  broker.stop();
  Box box(broker.port(), "");
  ChildProcess gateway = box.start("gateway", false);
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(wait_until([&] { return std::chrono::steady_clock::now() - begin > std::chrono::seconds{21}; }));
  broker.start();
  std::size_t stats = 0;
  bool online = false;
  REQUIRE(wait_until([&] {
    observer.drain([&](const Observer::Seen& seen) {
      online = online || seen.payload.find("\"online\"") != std::string_view::npos;
      if (!online && seen.topic.ends_with("/stats")) ++stats;
    });
    return online;
  }));
  CHECK(stats == 1);
  CHECK(gateway.stop() == 0);
}

// Box has two inputs of its own, this is a third.
TEST_CASE("an input that was removed from the configuration is not delivered any more") {
  Broker broker;
  Box box(broker.port(), "[[input]]\ntopic = \"old/{sensor}/{metric}\"\ncodec = \"number\"\n");
  Subscriber subscriber(broker, {"rejected/#"});
  const auto rejected = [&](const std::string& topic) {
    return subscriber.received("rejected/" + topic).size();
  };
  const std::vector<std::string> names{"gateway", "bridge"};
  for (const std::string& name : names) CHECK(box.start(name).stop() == 0);
  box.configure(broker.port(), "");
  std::vector<ChildProcess> programs;
  for (const std::string& name : names) {
    programs.push_back(box.start(name));
    CHECK_THAT(box.log(name), Catch::Contains("unsubscribes from what is not configured any more: old/+/+"));
    CHECK(wait_until(
        [&] { return slurp(box.state() / name / "subscriptions").find("old/") == std::string::npos; }));
  }
  broker.publish("old/a/t", "1");
  broker.publish("sensors/net/north/a/t", "no JSON");
  REQUIRE(wait_until([&] { return rejected("sensors/") == 1; }));
  CHECK(rejected("old/") == 0);
  for (ChildProcess& program : programs) CHECK(program.stop() == 0);
  for (const std::string& name : names) {
    CHECK(box.start(name).stop() == 0);
    CHECK(occurrences(box.log(name), "unsubscribes from") == 1);
  }
  const auto archived = run({program("bridge"), "query", "--config", box.config(), "--kind", "messages",
                             "--time", "arrival", "--format", "ndjson"});
  INFO(archived.out);
  CHECK(archived.out.find("sensors/net/north/a/t") != std::string::npos);
  CHECK(archived.out.find("old/") == std::string::npos);
}

// One old segment is more than the whole journal may have: the subscription is left at once, and stays left
// until the older snapshot is past it, with nothing coming in.
TEST_CASE(
    "a journal above its high-water mark is trimmed although nothing comes any more, and the box listens "
    "again") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsegment = \"1 MiB\"\nlimit = \"4 MiB\"\n");
  {
    const auto journal =
        std::move(*JournalWriter::open(box.state() / "gateway" / "journal", JournalConfig{}));
    const std::string payload = R"({"value":1})" + std::string(1000, ' ');
    REQUIRE(journal->prepare());
    for (int i = 0; i < 6000; ++i)
      REQUIRE(journal->append({wall_clock_now(), "sensors/net/north/a/t", payload}));
  }
  Subscriber subscriber(broker, {"lookout/+/+/stats"});
  ChildProcess gateway = box.start("gateway", false);
  REQUIRE(wait_until([&] { return box.log("gateway").find("-in connected") != std::string::npos; }));
  const std::string log = box.log("gateway");
  CHECK(log.find("are above the high-water mark") < log.find("are below the low-water mark"));
  CHECK(log.find("are below the low-water mark") < log.find("-in connected"));
  REQUIRE(wait_until([&] { return !subscriber.received("lookout/gateway/").empty(); }));
  const auto stats = subscriber.received("lookout/gateway/").front().json();
  INFO(stats.dump());
  CHECK(stats["books"]["received"] == 6000);
  CHECK(stats["journal_full"] == false);
  CHECK(stats["snapshot_age_s"] >= 0.0);
  CHECK(stats["snapshot_age_s"] < 10.0);  // trimming took some, the gateway began about ten seconds ago
  CHECK(stats["journal_limit"] == 4 << 20);
  CHECK(stats["journal_bytes"] < 2'000'000);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("the bridge too leaves its subscription while its journal is above the high-water mark") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsegment = \"1 MiB\"\nlimit = \"4 MiB\"\n");
  {
    JournalConfig config;
    config.segment = std::uint64_t{1} << 20;
    const auto journal = std::move(*JournalWriter::open(box.state() / "bridge" / "journal", config));
    const std::string payload = R"({"value":1})" + std::string(1000, ' ');
    for (int i = 0; i < 6000; ++i) {
      REQUIRE(journal->prepare());
      REQUIRE(journal->append({wall_clock_now(), "sensors/net/north/a/t", payload}));
    }
  }
  ChildProcess bridge = box.start("bridge", false);
  REQUIRE(wait_until([&] { return box.log("bridge").find("-in connected") != std::string::npos; }));
  const std::string log = box.log("bridge");
  CHECK(log.find("are above the high-water mark") < log.find("are below the low-water mark"));
  CHECK(log.find("are below the low-water mark") < log.find("-in connected"));
  const auto archived = [&] {
    return occurrences(run({program("bridge"), "query", "--config", box.config(), "--kind", "messages",
                            "--format", "ndjson"})
                           .out,
                       "\n");
  };
  CHECK(wait_until([&] { return archived() == 6000; }));
  CHECK(bridge.stop() == 0);
}

// As when somebody has copied the archive back as another user, or its medium is not there yet.
TEST_CASE("an archive that cannot be opened at the start is waited for: status says why, the broker queues") {
  Broker broker;
  Box box(broker.port(), "");
  const auto archive = box.state() / "bridge" / "archive", away = box.folder() / "away";
  const auto status = [&](const char* json) {
    std::vector<std::string> command{program("bridge"), "status", "--config", box.config()};
    if (*json != 0) command.emplace_back(json);
    return run(command);
  };
  const auto is_held_up = [&] {
    const auto figures = nlohmann::json::parse(status("--json").out, nullptr, false);
    return figures.is_object() && figures["archive"]["state"] == "held_up";
  };
  {
    ChildProcess bridge = box.start("bridge");
    CHECK(bridge.stop() == 0);
    CHECK(status("").code == 1);
  }
  std::filesystem::rename(archive, away);
  spit(archive, "in the way");
  broker.publish("sensors/wild/north/s1/temperature", R"({"event_time":1795346400,"value":20.5})");
  {
    ChildProcess bridge = box.start("bridge", false);
    REQUIRE(wait_until(is_held_up));
    CHECK(bridge.stop() == 0);
  }
  ChildProcess bridge = box.start("bridge", false);
  REQUIRE(wait_until([&] { return occurrences(box.log("bridge"), "waiting, and the broker queues") == 2; }));
  const auto said = status("");
  CHECK(said.code == 0);
  CHECK_THAT(said.out, Catch::Contains("takes nothing now") && Catch::Contains(archive.string()));
  CHECK(bridge.running());
  std::filesystem::remove(archive);
  std::filesystem::rename(away, archive);
  CHECK(wait_until([&] {
    return occurrences(run({program("bridge"), "export", "--config", box.config()}).out, "\n") == 1;
  }));
  CHECK_FALSE(is_held_up());
  CHECK(bridge.stop() == 0);
}
