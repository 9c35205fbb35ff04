#include <fmt/format.h>

#include <thread>

#include "tests/fault/check_whole.h"
#include "tests/fault/site.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kKeepalive = 5s;  // the site's

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void end_whole(Site& site, const std::string& what) {
  site.load.end();
  check_whole(site.settle(site.batch()), what);
}

// Both sessions of the gateway, found dead by itself.
double half_open_noticed_after(Site& site) {
  const std::size_t in = site.logged("-in lost the broker"), out = site.logged("-out lost the broker");
  const auto start = std::chrono::steady_clock::now();
  site.proxy.half_open();
  site.proxy.resume();  // for new connections
  REQUIRE(wait_until(
      [&] { return site.logged("-in lost the broker") > in && site.logged("-out lost the broker") > out; }));
  return seconds_since(start);
}

}  // namespace

TEST_CASE("a half-open connection under load: nothing lost") {
  Site site;
  site.load.start("200x");
  site.load.await(20'000);
  const double noticed = half_open_noticed_after(site);
  site.load.await(20'000);
  end_whole(site, fmt::format("half open, noticed after {:.1f} s", noticed));
}

// With Paho 1.3.12 alone it takes more than two and a half.
TEST_CASE("a half-open connection is noticed within one and a half keepalives") {
  Site site;
  double longest = 0;
  for (int i = 0; i < 3; ++i) {
    // At another point of the keepalive's interval each time.
    std::this_thread::sleep_for(500ms + 1500ms * i);
    longest = std::max(longest, half_open_noticed_after(site));
    REQUIRE(wait_until([&] { return site.logged("session resumed") > static_cast<std::size_t>(i); }));
  }
  std::cout << fmt::format("half open, noticed after at most {:.1f} s", longest) << std::endl;
  CHECK(longest < 1.5 * kKeepalive.count() + 1);
}

TEST_CASE("two seconds of delay either way: no connection is lost, and nothing else") {
  Site site;
  site.load.start("50x");
  site.proxy.delay(2s);
  std::this_thread::sleep_for(15s);
  CHECK(site.logged("lost the broker") == 0);
  site.proxy.resume();
  end_whole(site, "2 s of delay for 15 s");
}

TEST_CASE("the connection is cut twenty times under full load: nothing lost") {
  Site site;
  std::mt19937_64 random(fault_seed());
  site.load.start();
  for (unsigned i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 1500});
    site.proxy.cut();
  }
  site.load.await(10'000);
  end_whole(site, "20 cuts");
}

// A real loss needs a network of its own; what TCP makes of it are stalls.
TEST_CASE("five percent of the packets lost under load: nothing lost") {
  Site site;
  site.load.start("max");
  site.proxy.lose(0.05);
  site.load.await(100'000);
  const std::size_t lost = site.logged("lost the broker");
  site.proxy.resume();
  end_whole(site, "5 % of the packets late by 200 ms to 1 s");
  CHECK(lost == 0);
}
