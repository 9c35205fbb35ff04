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
  site.start_load("100x");
  site.await_load(20'000);
  const double usual = reconnected_after(site, [] {});
  const std::chrono::seconds to_1970{1000 - std::time(nullptr)};
  double longest = 0;
  for (const std::chrono::seconds offset : {3600s, -3600s, to_1970}) {
    site.await_load(10'000);
    clock.step(offset + 60s);
    site.await_load(10'000);
    longest = std::max(longest, reconnected_after(site, [&] { clock.step(offset); }));
  }
  // Stepped under a connection that dies: what waits for it must not wait for the hour to pass.
  clock.step(3600s);
  site.await_load(5'000);
  site.proxy.cut();
  clock.step(-3600s);
  site.await_load(5'000);
  site.end_load();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report,
              fmt::format("reconnected after {:.1f} s, with steps of the clock after {:.1f} s at most", usual,
                          longest));
  CHECK(longest < 20);  // the back-off, not the minute by which the clock was set back
  CHECK(report.books["corrected"] == 0);
  CHECK(report.books["watermarks_set_back"] == 0);
  // The clock was stepped indeed: by what the gateway says of the time.
  CHECK(site.box.log("gateway").find("1970-") != std::string::npos);
}
