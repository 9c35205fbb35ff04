#include <fmt/format.h>

#include <thread>

#include "tests/fault/acknowledged.h"
#include "tests/fault/check_whole.h"
#include "tests/fault/nemesis.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// Full load, and yet little event time passes while the broker is away: what is lost leaves gaps within
// windows.
constexpr const char* kShort = "50ms";

enum class Gateway { up, down, hung };

double seconds_until_subscribed(const Site& site, std::size_t before) {
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(wait_until([&] { return site.logged("-in subscribed to") > before; }));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Away for so long that the gateway's tries are at their rarest.
double kill_broker_while(Site& site, Gateway gateway) {
  if (gateway == Gateway::down) site.gateway.stop();
  if (gateway == Gateway::hung) site.gateway.send(SIGSTOP);
  if (gateway != Gateway::up) site.load.await(20'000);
  site.kill_broker(gateway == Gateway::up ? 8s : 0s);
  const std::size_t before = site.logged("-in subscribed to");
  if (gateway == Gateway::down) site.start_gateway();
  if (gateway == Gateway::hung) site.gateway.send(SIGCONT);
  return seconds_until_subscribed(site, before);
}

void broker_killed_while(Gateway gateway, const std::string& what) {
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  tap(options, pubacks);
  Site site(options);
  site.load.start("max", kShort);
  site.load.await(10'000);
  const double back = kill_broker_while(site, gateway);
  site.load.await(10'000);
  site.load.end();
  const Loss loss = check_what_was_acknowledged(
      site, site.box.state() / "gateway", pubacks,
      fmt::format("gateway {}, subscribed {:.1f} s after the broker was back", what, back));
  CHECK(back < 10);
  // What was queued for a gateway that is not there is what Mosquitto loses.
  if (gateway != Gateway::up) CHECK(loss.readings > 0);
}

// One after the other, and the two that listen also at once.
void paused(std::chrono::seconds time, const std::string& speed) {
  PubackCounter pubacks("lookout-bridge-");
  SiteOptions options;
  tap(options, pubacks);
  Site site(options);
  site.start_bridge(true);
  site.load.start(speed);
  site.load.await(20'000);
  site.gateway.send(SIGSTOP);
  site.bridge->send(SIGSTOP);
  std::this_thread::sleep_for(time);
  site.gateway.send(SIGCONT);
  site.bridge->send(SIGCONT);
  site.load.await(20'000);
  const std::uint64_t before = site.load.acknowledged();
  site.broker.send(SIGSTOP);
  std::this_thread::sleep_for(time);
  site.broker.send(SIGCONT);
  REQUIRE(wait_until([&] { return site.load.acknowledged() > before + 20'000; }));
  site.load.end();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report, fmt::format("stopped for {} s each", time.count()));
  CHECK(check_archive(site, pubacks) == 0);
  CHECK(site.logged("-in lost the broker") >= 1);
  CHECK(occurrences(site.box.log("bridge"), "-in lost the broker") >= 1);
  CHECK(report.books["duplicate"] > 0);
}

}  // namespace

TEST_CASE("broker killed with -9 under load: nothing that gateway and bridge had acknowledged is lost") {
  PubackCounter pubacks("lookout-gateway-"), of_bridge("lookout-bridge-");
  SiteOptions options;
  tap(options, pubacks);
  tap(options, of_bridge);
  Site site(options);
  site.start_bridge(true);
  Nemesis nemesis(site, fault_seed(), {Fault::kill_broker});
  site.load.start("max", kShort);
  nemesis.strike(fault_count(4));
  site.load.await(10'000);
  site.load.end();
  check_what_was_acknowledged(site, site.box.state() / "gateway", pubacks, nemesis.text());
  check_archive(site, of_bridge);
}

TEST_CASE(
    "broker killed with -9 and away: the gateway is back within 10 s of it, and has what it acknowledged") {
  broker_killed_while(Gateway::up, "up");
}

TEST_CASE(
    "broker killed with -9 while the gateway is down: what is lost with its queue is shown by seq gaps") {
  broker_killed_while(Gateway::down, "down");
}

TEST_CASE("broker killed with -9 while the gateway hangs: what is lost with its queue is shown by seq gaps") {
  broker_killed_while(Gateway::hung, "hung");
}

TEST_CASE("gateway, bridge and broker killed at once, three times: what they acknowledged is there") {
  PubackCounter pubacks("lookout-gateway-"), of_bridge("lookout-bridge-");
  SiteOptions options;
  tap(options, pubacks);
  tap(options, of_bridge);
  Site site(options);
  site.start_bridge(true);
  site.load.start("max", kShort);
  for (unsigned i = 0; i < 3; ++i) {
    site.load.await(10'000 + 7'919 * i);
    site.bridge->send(SIGKILL);
    site.gateway.send(SIGKILL);
    site.kill_broker();
    site.restart_gateway();
    site.restart_bridge();
  }
  site.load.await(10'000);
  site.load.end();
  check_what_was_acknowledged(site, site.box.state() / "gateway", pubacks, "all killed three times");
  check_archive(site, of_bridge);
}

// keepalive 5 s: the broker gives the two up 7.5 to 12.5 s later (it looks every 5 s) and delivers again
// what was not acknowledged.
TEST_CASE("gateway with bridge, and broker, stopped for longer than the keepalive: repeats are told apart") {
  paused(14s, "8x");
}

// No more readings meanwhile than the broker's queue holds.
TEST_CASE("gateway with bridge, and broker, stopped for 90 s", "[.][long-pauses]") { paused(90s, "10x"); }
