// The broker hangs, for longer than anybody waits: no connection breaks at once, nothing is answered. What it
// had sent before goes on arriving, slowly, so that the gateway computes, snapshots and trims meanwhile.
#include <fmt/format.h>

#include <set>
#include <thread>

#include "tests/fault/alert_states.h"
#include "tests/fault/check_whole.h"
#include "tests/fault/site.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Hang {
  std::chrono::seconds time;
  unsigned rounds;  ///< of eight readings each, 10 ms of event time apart
  std::uint64_t bytes_per_second;
};

// Everything that is queued is on its way at once; a snapshot comes with every 128 KiB of journal.
SiteOptions small_journal() {
  SiteOptions options;
  options.windows_and_rules = "[journal]\nlimit = \"2 MiB\"\nsegment = \"1 MiB\"\n";
  options.broker = "max_inflight_messages 0\n";
  return options;
}

void queue_readings(Site& site, unsigned rounds) {
  simulate(site.broker,
           {"run", "--sensors", "4", "--interval", "10ms", "--duration", fmt::format("{}ms", 10 * rounds),
            "--speed", "max", "--truth", site.box.ledger().string(), "--fire",
            "region=north,start=20s,duration=20s,ramp=2s,temperature=60"});
}

std::set<std::string> snapshots(const Site& site) {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(site.box.state() / "gateway")) {
    if (file.path().extension() == ".snapshot") names.insert(file.path().filename());
  }
  return names;
}

// Looks at them ten times a second for that long; how many there were that were not there before.
std::size_t count_new_snapshots(const Site& site, std::chrono::seconds time) {
  const auto before = snapshots(site);
  std::set<std::string> all;
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    all.merge(snapshots(site));
    std::this_thread::sleep_for(100ms);
  }
  return static_cast<std::size_t>(
      std::ranges::count_if(all, [&](const std::string& name) { return !before.contains(name); }));
}

void hung(const Hang& hang) {
  Site site(small_journal());
  REQUIRE(site.gateway.stop() == 0);
  queue_readings(site, hang.rounds);
  site.proxy.slow_down(hang.bytes_per_second);
  site.start_gateway();
  REQUIRE(wait_until([&] { return site.look().readings() > 0; }));
  site.broker.send(SIGSTOP);
  const std::uint64_t seen = site.look().readings();
  const std::size_t made = count_new_snapshots(site, hang.time);
  site.gateway.kill();
  site.proxy.cut();
  site.broker.send(SIGCONT);
  site.proxy.resume();
  site.start_gateway();
  const Batch batch = site.batch();
  const LedgerReport report = site.settle(batch);
  check_whole(report, fmt::format("hung for {} s, over {} snapshots; {} readings in results before",
                                  hang.time.count(), made, seen));
  CHECK(made >= 2);
  CHECK(seen < batch.readings() / 2);
  CHECK(site.logged("-out lost the broker") >= 1);
  const auto alerts = expected_alert_states(batch, "north");
  CHECK(alerts == std::vector<std::string>{"firing", "resolved"});
  CHECK(alert_states_without_repeats(site.look(), "north") == alerts);
}

}  // namespace

TEST_CASE(
    "broker hung over two snapshots, then kill -9 of the gateway: every output of that time comes out") {
  hung({.time = 12s, .rounds = 5'000, .bytes_per_second = 500'000});
}

TEST_CASE("broker hung for 150 s over two snapshots, then kill -9 of the gateway", "[.][long-hung]") {
  hung({.time = 150s, .rounds = 7'500, .bytes_per_second = 60'000});
}
