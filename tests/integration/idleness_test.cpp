// Time that passes without readings, on the real programs: ticks, and a link that is down.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <thread>

#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kWindows =
    "[time]\nidle = \"3s\"\nlag = 0\ncorrection_interval = \"500ms\"\n"
    "[[window]]\nname = \"2s\"\nsize = \"2s\"\nby = [\"region\"]\n";

void publish(const Broker& broker, const std::string& region, std::int64_t time, int value) {
  broker.publish("sensors/net/" + region + "/a/t",
                 fmt::format(R"({{"event_time":{},"value":{}}})", time, value));
}

/// The aggregates of a region so far: "idle r0 n1".
std::vector<std::string> results(Subscriber& subscriber, const std::string& region) {
  std::vector<std::string> lines;
  for (const auto& message : subscriber.received("aggregates/net/2s/" + region + "/")) {
    const auto json = message.json();
    lines.push_back(fmt::format("{} r{} n{}", json["closed_by"].get<std::string>(),
                                json["revision"].get<int>(), json["count"].get<int>()));
  }
  return lines;
}

}  // namespace

TEST_CASE("a region that falls silent closes its window by a tick, and what comes late corrects it") {
  Broker broker;
  Box box(broker.port(), kWindows);
  ChildProcess gateway = box.start("gateway");
  Subscriber subscriber(broker, {"aggregates/#"});
  const std::int64_t time = std::time(nullptr) / 2 * 2;
  publish(broker, "north", time, 1);
  const auto sent = std::chrono::steady_clock::now();
  REQUIRE(wait_until([&] { return results(subscriber, "north") == std::vector<std::string>{"idle r0 n1"}; }));
  CHECK(std::chrono::steady_clock::now() - sent > 2500ms);
  publish(broker, "north", time + 1, 2);
  REQUIRE(wait_until(
      [&] { return results(subscriber, "north") == std::vector<std::string>{"idle r0 n1", "late r1 n2"}; }));
  CHECK(gateway.stop() == 0);
}

TEST_CASE("while the link is down nobody is silent: nothing closes early") {
  Broker broker;
  Box box(broker.port(), kWindows);
  ChildProcess gateway = box.start("gateway");
  const std::int64_t time = std::time(nullptr) / 2 * 2;
  publish(broker, "north", time, 1);
  REQUIRE(wait_until([&] { return box.log("gateway").find("subscribed to") != std::string::npos; }));
  broker.stop();
  std::this_thread::sleep_for(5s);  // longer than idle: this is the silence that must not count
  broker.start();
  REQUIRE(wait_until([&] {
    const std::string log = box.log("gateway");
    const auto first = log.find("-in subscribed to");
    return log.find("-in subscribed to", first + 1) != std::string::npos;
  }));
  Subscriber subscriber(broker, {"aggregates/#"});
  publish(broker, "north", time + 1, 2);
  REQUIRE(wait_until([&] { return !results(subscriber, "north").empty(); }));
  CHECK(results(subscriber, "north") == std::vector<std::string>{"idle r0 n2"});
  CHECK(gateway.stop() == 0);
}
