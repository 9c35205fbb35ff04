#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <thread>

#include "tests/fault/check_whole.h"
#include "tests/fault/site.h"
#include "tests/fault/wall_clock.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// Outages are short, so that the back-off is; the time from the broker's start to the subscription.
double reconnected_after(Site& site, const std::function<void()>& while_away) {
  const std::size_t before = site.logged("-in subscribed to");
  site.broker.stop();
  std::this_thread::sleep_for(1s);
  while_away();
  std::this_thread::sleep_for(1s);
  site.broker.start();
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(wait_until([&] { return site.logged("-in subscribed to") > before; }));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("nothing happens when the wall clock steps by an hour and to 1970, also while the broker is away") {
  WallClock clock;
  SiteOptions options;
  // A box whose clock is stepped has none that can be trusted. No window is to close for silence here.
  options.overrides = "[box]\nclock = \"untrusted\"\n[time]\nidle = \"20s\"\n";
  options.before_start = [&](const Box&) { clock.give(); };
  Site site(options);
  WallClock::take_back();
  site.load.start("100x");
  site.load.await(20'000);
  const double usual = reconnected_after(site, [] {});
  const std::chrono::seconds to_1970{1000 - std::time(nullptr)};
  double longest = 0;
  for (const std::chrono::seconds offset : {3600s, -3600s, to_1970}) {
    site.load.await(10'000);
    clock.step(offset + 60s);
    site.load.await(10'000);
    longest = std::max(longest, reconnected_after(site, [&] { clock.step(offset); }));
  }
  // Stepped under a connection that dies: what waits for it must not wait for the hour to pass.
  clock.step(3600s);
  site.load.await(5'000);
  site.proxy.cut();
  clock.step(-3600s);
  site.load.await(5'000);
  site.load.end();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report,
              fmt::format("reconnected after {:.1f} s, with steps of the clock after {:.1f} s at most", usual,
                          longest));
  CHECK(longest < 20);  // the back-off, not the minute by which the clock was set back
  CHECK(longest < usual + 10);
  CHECK(report.books["corrected"] == 0);
  CHECK(report.books["watermarks_set_back"] == 0);
  // The clock was stepped indeed: by what the gateway says of the time.
  CHECK(site.box.log("gateway").find("1970-") != std::string::npos);
}

// Up to a second passes until the kernel is asked again. Sensors that tell their time are the better
// witnesses meanwhile, also for one that tells none: whose readings would fall into windows an hour away.
TEST_CASE("a step of the clock is not believed before the kernel says that the clock is right again") {
  const std::string kSynchronised = "the kernel says that it is synchronised";
  WallClock clock;
  clock.synchronise();
  SiteOptions options;
  options.windows_and_rules =
      "[[input]]\ntopic = \"plain/{network}/{region}/{sensor}/{metric}\"\ncodec = \"number\"\n";
  options.overrides = "[box]\nclock = \"auto\"\n";
  options.before_start = [&](const Box&) { clock.give(); };
  Site site(options);
  WallClock::take_back();
  const std::time_t begin = std::time(nullptr);
  site.load.start("1x");
  std::uint64_t plain = 0;
  const auto go_on = [&] {
    site.broker.publish("plain/net/north/a/t", std::to_string(++plain));
    site.load.await(800);
  };
  go_on();
  for (const std::chrono::seconds offset : {3600s, 0s, -3600s, 0s}) {
    clock.step(offset);
    go_on();
    if (offset == 0s) {
      const std::size_t before = site.logged(kSynchronised);
      clock.synchronise();
      REQUIRE(wait_until([&] { return site.logged(kSynchronised) > before; }));
    }
    go_on();
  }
  site.load.end();
  const LedgerReport report =
      site.settle(site.batch(), 60s, [](const std::string& id) { return id.starts_with("wildfire/"); });
  INFO(report);
  CHECK(report.whole());
  CHECK(report.accepted() == report.readings + plain);
  CHECK(report.books["rejected"].empty());
  CHECK(report.books["corrected"] == 0);
  CHECK(report.books["watermarks_set_back"] == 0);
  std::uint64_t counted = 0;
  for (const auto& [id, window] : site.look().results()) {
    if (!id.starts_with("net/s/")) continue;
    INFO(window.dump());
    counted += window["count"].get<std::uint64_t>();
    CHECK(epoch_of(window["start"]) > static_cast<double>(begin - 20));
    CHECK(epoch_of(window["start"]) < static_cast<double>(std::time(nullptr)));
  }
  CHECK(counted == plain);
  CHECK(site.logged("clock: it was stepped by") == 4);
  CHECK(site.logged(kSynchronised) == 2);
}
