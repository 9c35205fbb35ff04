#include <fmt/format.h>

#include "tests/fault/check_whole.h"
#include "tests/fault/site.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kIn = "lookout-gateway-test-box-in";
constexpr const char* kOut = "lookout-gateway-test-box-out";

// A journal that is full after some 25,000 readings; and nobody's patience ends while one session stands
// still.
SiteOptions small_journal() {
  SiteOptions options;
  options.windows_and_rules = "[journal]\nlimit = \"4 MiB\"\nsegment = \"1 MiB\"\n";
  options.overrides = "[mqtt]\nkeepalive = \"60s\"\n";
  return options;
}

// By the broker's own log: who has said goodbye, or was lost, is not connected until it connects anew.
bool is_connected(const Site& site, const std::string& client) {
  const std::string log = site.broker.log();
  const auto come = log.rfind(fmt::format("as {} (", client));
  const auto gone = log.rfind(fmt::format("Client {} ", client));
  return come != std::string::npos && (gone == std::string::npos || gone < come);
}

}  // namespace

TEST_CASE("journal at high water: the subscription leaves, alerts go on, it comes back, nothing is lost") {
  Site site(small_journal());
  REQUIRE(is_connected(site, kIn));
  // The worker waits for the broker's word, while the journal fills.
  site.proxy.hold(kOut);
  site.load.start("max", "2s", {"--fire", "region=south,start=30s,duration=5h,ramp=5s,temperature=60"});
  REQUIRE(wait_until([&] { return site.logged("above the high-water mark") == 1; }));
  REQUIRE(wait_until([&] { return !is_connected(site, kIn); }));
  CHECK(site.look().alert_states().empty());
  // Whatever it wants: it cannot come back before the alert is there.
  site.proxy.hold(kIn);
  site.proxy.release(kOut);
  CHECK(wait_until([&] { return !site.look().alert_states().empty(); }));
  CHECK(!is_connected(site, kIn));
  CHECK(site.look().alert_states().front().starts_with("firing 0 "));
  CHECK(wait_until([&] { return site.logged("below the low-water mark") >= 1; }));
  site.proxy.release(kIn);
  REQUIRE(wait_until([&] { return is_connected(site, kIn); }));
  site.load.await(20'000);
  site.load.end();
  check_whole(site.settle(site.batch()),
              fmt::format("left the broker {} times", site.logged("above the high-water mark")));
}
