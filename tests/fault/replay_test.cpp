// A replay in the field: the gateway killed in it, with more to come again than a broker usually lets be.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/fault/puback_counter.h"
#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// Readings without an identity: only the offset tells that one came before.
constexpr const char* kNumbers = R"(
[[input]]
topic = "numbers/{network}/{region}/{sensor}/{metric}"
codec = "number"
[[window]]
name = "1h"
size = "1h"
by = ["region"]
)";
constexpr unsigned kEnvelopes = 20'000;

/// 20,000 readings of one sensor, one a millisecond, as fast as the broker takes them.
void publish_envelopes(const Broker& broker, const std::filesystem::path& lines) {
  std::string text;
  for (unsigned i = 0; i < kEnvelopes; ++i) {
    text += fmt::format(
        R"({{"offset":{},"arrival":"2026-03-01T12:00:{:02}.{:03}000Z","retain":false,"payload":"1"}})"
        "\n",
        i, i / 1000, i % 1000);
  }
  spit(lines, text);
  const auto sent =
      run({"sh", "-c", "exec mosquitto_pub -l -q 1 -p \"$0\" -t replay/j/numbers/net/north/s/t < \"$1\"",
           broker.port_text(), lines.string()});
  INFO(sent.err);
  REQUIRE(sent.code == 0);
}

}  // namespace

TEST_CASE("gateway killed with 20,000 envelopes of a replay unacknowledged: each counts once") {
  Broker broker("max_inflight_messages 0\n");
  PubackCounter pubacks("lookout-gateway-");
  TcpProxy proxy(broker.port(),
                 [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); });
  Box box(proxy.port(), kNumbers);
  ChildProcess gateway = box.start("gateway");
  Subscriber seen(broker, {"replay/j/summary", "replay/j/aggregates/#"});
  broker.publish(
      "replay/j/control",
      R"({"action":"start","by":"arrival","from":"2026-03-01T12:00:00Z","to":"2026-03-01T13:00:00Z"})");
  REQUIRE(wait_until([&] { return pubacks.count() == 1; }));
  proxy.mute();  // what the gateway acknowledges from here on, the broker does not hear of
  publish_envelopes(broker, box.folder() / "lines");
  REQUIRE(wait_until([&] { return pubacks.count() > kEnvelopes; }, 60s));
  gateway.kill();
  gateway = box.start("gateway");
  broker.publish("replay/j/control", R"({"action":"end"})");
  REQUIRE(wait_until([&] { return !seen.received("replay/j/summary").empty(); }, 60s));
  const auto summary = seen.received("replay/j/summary").back().json();
  CHECK(summary["state"] == "done");
  CHECK(summary["messages"] == kEnvelopes);
  CHECK(summary["repeats"] == kEnvelopes);
  CHECK(summary["books"]["accepted"] == kEnvelopes);
  const auto results = seen.received("replay/j/aggregates/");
  REQUIRE(results.size() == 1);
  CHECK(results[0].json()["count"] == kEnvelopes);
  CHECK(gateway.stop() == 0);
}
