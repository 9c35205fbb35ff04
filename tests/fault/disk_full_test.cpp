#include <fmt/format.h>

#include "tests/fault/check_whole.h"
#include "tests/fault/journaled.h"
#include "tests/fault/puback_counter.h"
#include "tests/fault/site.h"
#include "tests/fault/small_disk.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kJournal = "[journal]\nsegment = \"1 MiB\"\nlimit = \"1 GiB\"\n";

// `while_full` is given the site when the gateway has stopped acknowledging.
template <typename Then>
void with_full_disk(Then while_full) {
  const SmallDisk disk;
  if (!disk.mounted()) {
    WARN("skipped: no disk can be mounted here");
    return;
  }
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  options.windows_and_rules = kJournal;
  options.overrides = fmt::format("[box]\nstate = \"{}\"\n", disk.path().string());
  options.tap = [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); };
  Site site(options);
  site.start_load("100x");
  // Nothing is acknowledged for two seconds, while the sensors go on.
  std::uint64_t last = 0;
  auto since = std::chrono::steady_clock::now();
  REQUIRE(wait_until(
      [&] {
        if (std::exchange(last, pubacks.count()) != last) since = std::chrono::steady_clock::now();
        return last > 0 && std::chrono::steady_clock::now() - since > 2s;
      },
      60s));
  const std::uint64_t at_full = pubacks.count();
  const Journaled full = read_journaled(disk.path() / "gateway");
  CHECK(at_full <= full.messages);
  site.end_load();
  while_full(site);
  disk.free_space();
  if (!site.gateway.running()) site.gateway = site.box.start("gateway");
  const LedgerReport report = site.settle(site.batch());
  check_whole(report,
              fmt::format("full at {} of {} readings, {} records", at_full, report.readings, full.messages));
  CHECK(pubacks.count() <= read_journaled(disk.path() / "gateway").messages);
  CHECK(site.box.log("gateway").find("corrupt") == std::string::npos);
  CHECK(site.gateway.stop() == 0);
}

}  // namespace

TEST_CASE("disk full: nothing is acknowledged without a record, and it goes on when there is space") {
  with_full_disk([](Site& site) { CHECK(site.gateway.running()); });
}

TEST_CASE("disk full for longer than it can wait: ends with 75, and the next start finds everything") {
  with_full_disk([](Site& site) {
    REQUIRE(wait_until([&] { return !site.gateway.running(); }, 60s));
    CHECK(site.gateway.wait() == 75);
    // As a supervisor would: starts that find the disk still full.
    for (int i = 0; i < 2; ++i) {
      site.gateway = site.box.start("gateway", false);
      site.gateway.wait(3s);
      site.gateway.kill();
    }
  });
}
