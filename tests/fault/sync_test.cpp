#include <catch2/catch.hpp>

#include "tests/fault/preload.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

/// A gateway whose disk can be made to fail at the next sync.
struct Rig {
  explicit Rig(const std::string& sync_interval)
      : box(broker.port(), "[journal]\nsync_interval = \"" + sync_interval + "\"\n"), gateway(start()) {}
  ChildProcess start() {
    ::setenv("SYNC_SHIM_FAIL", fail().c_str(), 1);
    preload(LOOKOUT_SYNC_SHIM);
    ChildProcess started = box.start("gateway");
    preload_nothing();
    return started;
  }
  [[nodiscard]] std::filesystem::path fail() const { return box.folder() / "fail"; }

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
