#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/fault/failing_disk.h"
#include "tests/fault/journaled.h"
#include "tests/fault/puback_counter.h"
#include "tests/fault/site.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSyncOften = "[journal]\nsync_interval = \"100ms\"\n";
// What was taken so long ago is on the disk, however slow it is: the claim is one about time.
constexpr auto kSynced = 2s;

bool is_usable(const FailingDisk& disk) {
  if (!disk.usable()) WARN("skipped: no disk that can be made to fail here");
  return disk.usable();
}

std::string on(const FailingDisk& disk) {
  return fmt::format("[box]\nstate = \"{}\"\n", disk.path().string());
}

}  // namespace

TEST_CASE(
    "the gateway's disk turns read-only under load: it ends with 75 and says so, and what was synced stays") {
  FailingDisk disk;
  if (!is_usable(disk)) return;
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  options.windows_and_rules = kSyncOften;
  options.overrides = on(disk);
  options.tap = [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); };
  Site site(options);
  const auto journal = disk.path() / "gateway";
  site.load.start("20x");
  site.load.await(5'000);
  const std::uint64_t synced = pubacks.count();
  std::this_thread::sleep_for(kSynced);
  disk.fail();
  CHECK(site.gateway.wait() == 75);
  CHECK_THAT(site.box.log("gateway"), Catch::Contains("cannot sync the journal in '" + journal.string()));
  Subscriber status(site.broker, {"lookout/gateway/+/status"});
  CHECK(wait_until([&] {
    const auto states = status.received();
    return !states.empty() && states.back().json()["state"] == "offline";
  }));
  const std::uint64_t at_failure = pubacks.count();
  CHECK(at_failure <= read_journaled(journal).messages);

  // While it is so, a start takes nothing.
  ChildProcess again = site.box.start("gateway", false);
  CHECK(again.wait() == 75);
  CHECK(pubacks.count() == at_failure);

  disk.mend();
  const std::uint64_t kept = read_journaled(journal).messages;
  INFO(fmt::format("{} acknowledged {} before, {} at the failure, {} kept", synced, kSynced.count(),
                   at_failure, kept));
  CHECK(kept >= synced);
  site.start_gateway(true);
  CHECK(wait_until([&] { return pubacks.count() > at_failure + 1'000; }));
  site.load.end();
  CHECK(site.gateway.stop() == 0);
  CHECK(read_journaled(journal).messages >= kept + (pubacks.count() - at_failure));
}

TEST_CASE(
    "the bridge's disk turns read-only: it ends with 75, and its archive goes on when the disk is mended") {
  FailingDisk disk;
  if (!is_usable(disk)) return;
  Broker broker;
  Box box(broker.port(), kSyncOften);
  std::filesystem::create_directory(box.folder() / "conf.d");
  spit(box.folder() / "conf.d" / "1.toml", on(disk));
  const auto archived = [&] {
    const auto found =
        run({program("bridge"), "query", "--config", box.config(), "--from", "-1h", "--format", "ndjson"});
    return found.code == 0 ? occurrences(found.out, "\n") : 0;
  };
  ChildProcess bridge = box.start("bridge");
  broker.publish("sensors/net/north/a/t", R"({"value":1})");
  REQUIRE(wait_until([&] { return archived() == 1; }));
  disk.fail();
  broker.publish("sensors/net/north/a/t", R"({"value":2})");
  CHECK(bridge.wait() == 75);
  CHECK_THAT(box.log("bridge"), Catch::Contains("Read-only file system"));
  broker.publish("sensors/net/north/a/t", R"({"value":3})");
  disk.mend();
  bridge = box.start("bridge");
  // The second may have been acknowledged before the sync that failed.
  CHECK(wait_until([&] { return archived() >= 2; }));
  broker.publish("sensors/net/north/a/t", R"({"value":4})");
  CHECK(wait_until([&] { return archived() >= 3; }));
  CHECK(bridge.stop() == 0);
}
