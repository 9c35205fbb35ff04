#include <catch2/catch.hpp>

#include "tests/fault/preload.h"
#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

/// A gateway whose disk can be made to fail at the next sync.
struct Rig {
  explicit Rig(const std::string& sync_interval)
      : box(broker.port(), "[journal]\nsync_interval = \"" + sync_interval + "\"\n"), gateway(start()) {}
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
  spit(rig.hang(), "");
  rig.gateway.send(SIGTERM);
  CHECK(wait_until([&] { return subscriber.received("lookout/").back().json()["state"] == "offline"; }));
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
