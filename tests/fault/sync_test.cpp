#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>

#include "tests/fault/check_whole.h"
#include "tests/fault/journaled.h"
#include "tests/fault/preload.h"
#include "tests/fault/puback_counter.h"
#include "tests/fault/site.h"
#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

/// A gateway whose disk can be made to fail at the next sync.
struct Rig {
  explicit Rig(const std::string& sync_interval, const std::string& segment = "16 MiB")
      : box(broker.port(),
            fmt::format("[journal]\nsync_interval = \"{}\"\nsegment = \"{}\"\n", sync_interval, segment)),
        gateway(start()) {}
  ChildProcess start() {
    ::setenv("SYNC_SHIM_FAIL", fail().c_str(), 1);
    ::setenv("SYNC_SHIM_HANG", hang().c_str(), 1);
    preload(LOOKOUT_SYNC_SHIM);
    ChildProcess started = box.start("gateway");
    preload_nothing();
    return started;
  }
  [[nodiscard]] std::filesystem::path fail() const { return box.folder() / "fail"; }
  [[nodiscard]] std::filesystem::path hang() const { return box.folder() / "hang"; }

  Broker broker;
  Box box;
  ChildProcess gateway;
};

}  // namespace

TEST_CASE("syncs that fail under load: nothing is acknowledged without a record, the next start is whole") {
  const std::string why = GENERATE(as<std::string>{}, "EIO", "EROFS");
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  options.tap = [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); };
  std::filesystem::path fail;
  options.before_start = [&](const Box& box) {
    fail = box.folder() / "fail";
    ::setenv("SYNC_SHIM_FAIL", fail.c_str(), 1);
    preload(LOOKOUT_SYNC_SHIM);
  };
  Site site(options);
  site.load.start("20x");
  site.load.await(5'000);
  spit(fail, why);
  CHECK(site.gateway.wait() == 75);
  CHECK(site.logged("cannot sync the journal") >= 1);
  Subscriber status(site.broker, {"lookout/gateway/+/status"});
  CHECK(wait_until([&] {
    const auto states = status.received();
    return !states.empty() && states.back().json()["state"] == "offline";
  }));
  const std::uint64_t at_failure = pubacks.count();
  const std::uint64_t records = read_journaled(site.box.state() / "gateway").messages;
  CHECK(at_failure <= records);
  // Nor does a start take anything that finds it so.
  site.gateway = site.box.start("gateway", false);
  preload_nothing();
  CHECK(site.gateway.wait() == 75);
  site.load.await(1'000);
  CHECK(pubacks.count() == at_failure);
  CHECK(read_journaled(site.box.state() / "gateway").messages == records);
  std::filesystem::remove(fail);
  site.gateway = site.box.start("gateway");
  CHECK(site.logged("is written anew") == 1);
  site.load.end();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report, fmt::format("{} at {} acknowledged, {} records", why, at_failure, records));
  CHECK(site.gateway.stop() == 0);
}

TEST_CASE("a sync of the bridge's journal that fails ends it with exit code 75, and nothing is lost") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsync_interval = \"10ms\"\n");
  const auto fail = box.folder() / "fail";
  ::setenv("SYNC_SHIM_FAIL", fail.c_str(), 1);
  preload(LOOKOUT_SYNC_SHIM);
  ChildProcess bridge = box.start("bridge");
  preload_nothing();
  broker.publish("sensors/net/north/a/t", R"({"value":1})");
  spit(fail, "");
  CHECK(bridge.wait() == 75);
  broker.publish("sensors/net/north/a/t", R"({"value":2})");
  std::filesystem::remove(fail);
  bridge = box.start("bridge");
  const auto archived = [&] {
    const auto found =
        run({program("bridge"), "query", "--config", box.config(), "--from", "-1h", "--format", "ndjson"});
    return found.code == 0 ? occurrences(found.out, "\n") : 0;
  };
  CHECK(wait_until([&] { return archived() == 2; }));
  CHECK(bridge.stop() == 0);
}

TEST_CASE("after a power cut windows that begin before the start are incomplete, and statistics say why") {
  Broker broker;
  Box box(broker.port(),
          "[time]\nlag = \"0s\"\n[[window]]\nname = \"w\"\nsize = \"10s\"\nby = [\"region\"]\n");
  Subscriber subscriber(broker, {"aggregates/#", "lookout/gateway/+/stats"});
  const auto read = [&](std::int64_t time) {
    broker.publish("sensors/net/north/a/t", fmt::format(R"({{"event_time":{},"value":1}})", time));
  };
  // By start; what comes again after a kill is the same to the byte.
  std::map<std::int64_t, std::string> results;
  std::size_t received = 0;
  const auto take = [&] {
    const auto messages = subscriber.received("aggregates/");
    for (; received < messages.size(); ++received) {
      const std::string& payload = messages[received].payload;
      const auto start = static_cast<std::int64_t>(epoch_of(messages[received].json()["start"]));
      CHECK(results.try_emplace(start, payload).first->second == payload);
    }
    return results.size();
  };
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 100;
  ChildProcess gateway = box.start("gateway");
  read(start + 1);
  read(start + 12);
  REQUIRE(wait_until([&] { return take() == 1; }));
  gateway.kill();
  spit(box.state() / "gateway" / "running", "of another boot");
  read(start + 13);
  gateway = box.start("gateway");
  const std::int64_t later = std::time(nullptr) / 10 * 10 + 20;
  read(later + 1);
  read(later + 11);
  REQUIRE(wait_until([&] { return take() == 3; }));
  const auto lacking = nlohmann::json::parse(results.at(start + 10));
  CHECK(lacking["count"] == 2);
  CHECK(lacking["incomplete"] == true);
  CHECK_FALSE(nlohmann::json::parse(results.at(start)).contains("incomplete"));
  CHECK_FALSE(nlohmann::json::parse(results.at(later)).contains("incomplete"));
  const auto stats = [&] { return subscriber.received("lookout/"); };
  CHECK(wait_until([&] { return !stats().empty() && stats().back().json()["power_cut"] == true; }));

  // A kill is none, and the start after it knows what the one before it did.
  gateway.kill();
  std::filesystem::remove(box.state() / "gateway" / "cursor");
  const std::size_t before = received;
  gateway = box.start("gateway");
  REQUIRE(wait_until([&] { return take() == 3 && received >= before + 3; }));
  CHECK(occurrences(box.log("gateway"), "the machine went down while") == 1);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("a sync of the journal that fails ends the gateway at once with exit code 75") {
  Rig rig("10ms");
  spit(rig.fail(), "");
  CHECK(rig.gateway.wait() == 75);
}

TEST_CASE("a last sync that fails is no orderly end: exit code 75") {
  Rig rig("1h");
  rig.broker.publish("sensors/net/north/a/t", R"({"value":1})");
  spit(rig.fail(), "");
  CHECK(rig.gateway.stop() == 75);
  CHECK(rig.box.log("gateway").find("cannot sync the journal") != std::string::npos);
  std::filesystem::remove(rig.fail());
  rig.gateway = rig.start();
  CHECK(rig.gateway.stop() == 0);
}

TEST_CASE(
    "a last snapshot that the disk does not take in time is left out: the stop is orderly, nothing is lost") {
  Rig rig("200ms");
  Subscriber subscriber(rig.broker, {"lookout/gateway/+/status", "rejected/#"});
  const auto rejected = [&] { return subscriber.received("rejected/").size(); };
  rig.broker.publish("sensors/net/north/a/t", "no JSON");
  REQUIRE(wait_until([&] { return rejected() == 1; }));
  spit(rig.hang(), "snapshot.new");
  rig.gateway.send(SIGTERM);
  CHECK(wait_until([&] {
    const auto states = subscriber.received("lookout/");
    return !states.empty() && states.back().json()["state"] == "offline";
  }));
  CHECK(rig.gateway.wait(std::chrono::seconds{5}) == 0);
  CHECK_THAT(rig.box.log("gateway"), Catch::Contains("the last one takes too long"));
  CHECK(rig.box.log("gateway").find("[error]") == std::string::npos);
  std::filesystem::remove(rig.hang());
  rig.gateway = rig.start();
  CHECK(rig.gateway.stop() == 0);
  CHECK(rejected() == 1);
  const auto books = run({program("gateway"), "books", "--config", rig.box.config(), "--json"});
  INFO(books.out);
  CHECK(nlohmann::json::parse(books.out)["books"]["received"] == 1);
}

// A worn card syncs for seconds. What comes meanwhile needs more segments than the present one and the next.
TEST_CASE("a sync that does not end holds up no message: the next segments are made all the same") {
  Rig rig("10ms", "1 MiB");
  Subscriber stats(rig.broker, {"lookout/gateway/+/stats"});
  spit(rig.hang(), ".journal");
  simulate(rig.broker, {"run", "--preset", "wildfire", "--network", "net", "--speed", "max"});
  CHECK(wait_until([&] {
    const auto all = stats.received();
    return !all.empty() && all.back().json()["books"]["received"] == 24'000;
  }));
  CHECK(std::filesystem::exists(rig.hang()));
  std::filesystem::remove(rig.hang());
  CHECK(rig.gateway.stop() == 0);
}
