#include <fmt/format.h>

#include "tests/fault/acknowledged.h"
#include "tests/support/small_disk.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// As the unit does before each start; what it had to say.
std::string check_and_start(Site& site, const SmallDisk& disk) {
  const auto checked =
      run({source_path("scripts/broker-check"), (disk.path() / "mosquitto.db").string(), "20"});
  CHECK(checked.code == 0);
  site.broker.start();
  site.observer.await();
  return checked.err;
}

}  // namespace

TEST_CASE(
    "the broker's disk full while it saves, then kill -9: it starts, and what it lost is shown by seq gaps") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  options.broker = "autosave_interval 1\n";
  options.broker_data = disk.path();
  tap(options, pubacks);
  Site site(options);
  site.load.start("max", "50ms");
  site.load.await(10'000);
  // A good save, of which the check keeps a copy.
  site.proxy.refuse();
  site.broker.stop();
  CHECK(check_and_start(site, disk).empty());
  site.proxy.resume();
  site.load.await(10'000);
  // The gateway away, the queue outgrows the disk.
  site.gateway.kill();
  REQUIRE(wait_until([&] { return site.broker.log().find("No space left on device") != std::string::npos; },
                     60s));
  site.proxy.refuse();
  site.broker.kill();
  const std::string said = check_and_start(site, disk);
  site.proxy.resume();
  site.start_gateway(true);
  site.load.await(10'000);
  disk.free_space();
  site.load.end();
  const Loss loss = check_what_was_acknowledged(site, site.box.state() / "gateway", pubacks,
                                                "the broker's disk full; its check: " + said);
  CHECK(loss.readings > 0);
}
