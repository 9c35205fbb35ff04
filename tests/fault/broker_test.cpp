#include <fmt/format.h>

#include <thread>

#include "tests/fault/check_whole.h"
#include "tests/fault/journaled.h"
#include "tests/fault/nemesis.h"
#include "tests/fault/puback_counter.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// Full load, and yet little event time passes while the broker is away: what is lost leaves gaps within
// windows.
constexpr const char* kShort = "50ms";

Batch batch_of(const Journaled& journaled) {
  Batch batch = Site::empty_batch();
  for (const LedgerEntry& reading : journaled.readings) batch.add(reading);
  return batch;
}

// Mosquitto acknowledges before it saves: what it loses is measured. What the gateway has acknowledged is
// promised: its journal has a record for each PUBACK, and its results and books are those of the journal.
void check_what_was_acknowledged(Site& site, const PubackCounter& pubacks, const std::string& what) {
  wait_until([&] { return site.look().stats().is_object() && site.look().stats()["lag"]["records"] == 0; });
  const auto state = site.box.state() / "gateway";
  const std::uint64_t acknowledged = pubacks.count();
  const Journaled journaled = read_journaled(state);
  const Batch batch = batch_of(journaled);
  const LedgerReport report = site.settle(batch);
  const std::uint64_t lost = count_missing(site.ledger(), journaled);
  const std::string figures = fmt::format(
      "{}; {} readings acknowledged by the broker, {} lost by it, {} gaps in seq seen; {} PUBACKs of the "
      "gateway, {} "
      "records",
      what, site.acknowledged(), lost, site.look().seq_gaps(), acknowledged, journaled.messages);
  check_whole(report, figures);
  CHECK(acknowledged <= journaled.messages);
  CHECK(site.look().seq_gaps() == batch.seq_gaps("s"));
}

SiteOptions tapped(PubackCounter& pubacks) {
  SiteOptions options;
  options.tap = [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); };
  return options;
}

void paused(std::chrono::seconds time, const std::string& speed) {
  Site site;
  site.start_load(speed);
  site.await_load(20'000);
  site.gateway.send(SIGSTOP);
  std::this_thread::sleep_for(time);
  site.gateway.send(SIGCONT);
  site.await_load(20'000);
  const std::uint64_t before = site.acknowledged();
  site.broker.send(SIGSTOP);
  std::this_thread::sleep_for(time);
  site.broker.send(SIGCONT);
  REQUIRE(wait_until([&] { return site.acknowledged() > before + 20'000; }));
  site.end_load();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report, fmt::format("stopped for {} s each", time.count()));
  CHECK(site.logged("-in lost the broker") >= 1);
  CHECK(report.books["duplicate"] > 0);
}

}  // namespace

TEST_CASE("broker killed with -9 under load: nothing that the gateway had acknowledged is lost") {
  PubackCounter pubacks("lookout-gateway-");
  Site site(tapped(pubacks));
  Nemesis nemesis(site, fault_seed(), {Fault::kill_broker});
  site.start_load("max", kShort);
  nemesis.strike(fault_count(4));
  site.await_load(10'000);
  site.end_load();
  check_what_was_acknowledged(site, pubacks, nemesis.text());
}

TEST_CASE("gateway, bridge and broker killed at once, three times: what they acknowledged is there") {
  PubackCounter pubacks("lookout-gateway-");
  Site site(tapped(pubacks));
  ChildProcess bridge = site.box.start("bridge");
  site.start_load("max", kShort);
  for (unsigned i = 0; i < 3; ++i) {
    site.await_load(10'000 + 7'919 * i);
    bridge.send(SIGKILL);
    site.gateway.send(SIGKILL);
    site.kill_broker();
    site.restart_gateway();
    bridge.kill();
    bridge = site.box.start("bridge");
  }
  site.await_load(10'000);
  site.end_load();
  check_what_was_acknowledged(site, pubacks, "all killed three times");
  // The bridge has archived what it had recorded, each reading once.
  const Journaled journaled = read_journaled(site.box.state() / "bridge");
  const auto archived = [&] {
    const auto query = run({program("bridge"), "query", "--config", site.box.config(), "--format", "ndjson"});
    return static_cast<std::size_t>(std::ranges::count(query.out, '\n'));
  };
  CHECK(wait_until([&] { return archived() >= journaled.readings.size(); }));
  CHECK(archived() == journaled.readings.size());
}

// keepalive 5 s: the broker gives the gateway up 7.5 to 12.5 s later (it looks every 5 s) and delivers again
// what was not acknowledged.
TEST_CASE("gateway and broker stopped in turn for longer than the keepalive: repeats are told apart") {
  paused(14s, "400x");
}

// No more readings meanwhile than the broker's queue holds.
TEST_CASE("gateway and broker stopped in turn for 90 s", "[.][long-pauses]") { paused(90s, "10x"); }

namespace {

void all_kinds_at_random(unsigned faults, const std::string& speed) {
  Site site(kSnapshotsOften);
  Nemesis nemesis(site, fault_seed(),
                  {Fault::kill_gateway, Fault::pause_gateway, Fault::pause_broker, Fault::restart_broker,
                   Fault::cut, Fault::half_open, Fault::delay});
  site.start_load(speed);
  nemesis.strike(fault_count(faults));
  site.end_load();
  check_whole(site.settle(site.batch(), std::chrono::minutes{10}), nemesis.text());
}

}  // namespace

TEST_CASE("nothing lost, at random: gateway killed and stopped, broker stopped and restarted, network bad") {
  all_kinds_at_random(8, "200x");
}

// At full speed the queue of the broker, which is bounded, runs over where the gateway is away half of the
// time.
TEST_CASE("a hundred faults of all kinds at random", "[.][long-nemesis]") { all_kinds_at_random(100, "10x"); }
