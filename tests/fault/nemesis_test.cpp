#include "tests/fault/nemesis.h"

#include <fmt/format.h>

#include "tests/fault/acknowledged.h"
#include "tests/fault/check_whole.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

// A box whose clock is stepped has none that can be trusted: its sensors tell it the time. At their speed
// what a killed broker loses is half an hour of theirs, and the first three readings behind it would be too
// far ahead of what the box knows (ReferenceClock): that is by design, and not what is shown here.
SiteOptions options_on(const SmallDisk& disk, const WallClock& clock) {
  SiteOptions options = kSnapshotsOften;
  options.overrides = "[time]\nmax_future = \"2h\"\n[box]\nclock = \"untrusted\"\n";
  if (disk.mounted()) options.overrides += fmt::format("state = \"{}\"\n", disk.path().string());
  options.clock = &clock;
  return options;
}

std::vector<Fault> all_faults(const SmallDisk& disk) {
  std::vector<Fault> faults{Fault::kill_gateway,   Fault::pause_gateway, Fault::kill_bridge,
                            Fault::pause_bridge,   Fault::kill_broker,   Fault::pause_broker,
                            Fault::restart_broker, Fault::cut,           Fault::half_open,
                            Fault::delay,          Fault::loss,          Fault::clock_step};
  if (disk.mounted()) faults.push_back(Fault::disk_full);
  return faults;
}

void all_kinds_at_random(unsigned faults, const std::string& speed) {
  WallClock clock;
  const SmallDisk disk;
  if (disk.mounted()) disk.give_room(kRoomMib);
  PubackCounter pubacks("lookout-gateway-"), of_bridge("lookout-bridge-");
  SiteOptions options = options_on(disk, clock);
  tap(options, pubacks);
  tap(options, of_bridge);
  Site site(options);
  const auto state = (disk.mounted() ? disk.path() : site.box.state()) / "gateway";
  JournalKeeper keeper(state);
  site.start_bridge(true);
  Nemesis nemesis(site, fault_seed(), all_faults(disk), {&clock, &disk});
  site.load.start(speed);
  nemesis.strike(fault_count(faults));
  site.load.await(1'000);
  site.load.end();
  INFO(nemesis.text());
  const Loss loss = check_what_was_acknowledged(site, keeper.state(), pubacks, nemesis.text());
  const std::uint64_t not_archived = check_archive(site, of_bridge, nemesis.inflicted(Fault::disk_full));
  if (!nemesis.inflicted(Fault::kill_broker)) {
    CHECK(loss.readings == 0);
    CHECK(not_archived == 0);
  }
}

}  // namespace

TEST_CASE("all kinds of faults at random: what was acknowledged is there, and what was lost is shown") {
  all_kinds_at_random(6, "100x");
}

// At full speed the queue of the broker, which is bounded, runs over where the gateway is away half of the
// time.
TEST_CASE("a hundred faults of all kinds at random", "[.][long-nemesis]") { all_kinds_at_random(100, "5x"); }
