// How fast the gateway takes a backlog out of the broker, beside a bare Paho subscriber that only counts.
//
// One backlog of readings is queued in a real Mosquitto for two durable sessions, by the shipped
// configuration; then each drains its own, one after the other. The gateway does with it all it does:
// journal, decode, dedup, two windows, a rule, publish. The last message of the backlog is none that can be
// decoded: when it comes back on rejected/ all before it has been worked through, and what came of it was
// published. Times count from the start of the program, and CPU and memory are those of the whole process.
//   bench-drain [READINGS [ROUNDS [SENSORS [INTERVAL]]]]    1,000,000 3 1000 10; READINGS 200000 for a quick
//   look
//     INTERVAL: seconds of event time between two readings of a sensor.
//   bench-drain keep SECONDS [READINGS [SENSORS [INTERVAL]]]
//     The gateway stays for so long, to be looked at.
#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/bench/bare_client.h"
#include "tests/bench/bare_drain.h"
#include "tests/bench/process_figures.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// The broker's own saving would fall into one drain or another; a backlog of a million has one message more.
constexpr const char* kBroker =
    "autosave_interval 0\nmax_queued_messages 1100000\nmax_queued_bytes 400000000\n";
constexpr int kSensorsOfRegion = 50;
constexpr auto kPatience = 600s;

constexpr const char* kWindows = R"(
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region"]
[[window]]
name = "1m"
kind = "sliding"
size = "1m"
step = "10s"
by = ["region"]
[[rule]]
name = "Fire"
window = "1m"
when = "temperature.mean > 35"
)";

struct Backlog {
  int readings = 0, sensors = 0, interval = 0;
  double bytes = 0;  // of topics and payloads
};

void publish_backlog(std::uint16_t port, Backlog& backlog) {
  BareClient client(port, "bench-publisher");
  const auto span = std::int64_t{backlog.readings / backlog.sensors} * backlog.interval;
  const std::int64_t start = std::time(nullptr) - span;
  backlog.bytes = 0;
  for (int i = 0; i < backlog.readings; ++i) {
    const int sensor = i % backlog.sensors;
    const int step = i / backlog.sensors;
    const std::string topic =
        fmt::format("sensors/bench/region-{:02}/sensor-{:04}/temperature", sensor / kSensorsOfRegion, sensor);
    const std::string payload = fmt::format(
        R"({{"event_time":{}.{:03},"value":{}.{},"unit":"Cel","seq":{},"boot":"a1b2"}})",
        start + std::int64_t{step} * backlog.interval, sensor % 1000, 18 + (i * 7) % 9, i % 10, step);
    backlog.bytes += static_cast<double>(topic.size() + payload.size());
    client.publish(topic, payload);
  }
  client.publish("sensors/bench/end/end/end", "the end");
}

Drained drain_gateway(std::uint16_t port, std::chrono::seconds keep = 0s) {
  test::Box box(port, kWindows);
  trust_clock(box.config());
  std::atomic<bool> over = false;
  BareClient watcher(port, "bench-watcher", false, [&](std::string_view, std::string_view) { over = true; });
  watcher.subscribe("rejected/#");
  const auto begin = Clock::now();
  test::ChildProcess gateway = box.start("gateway", false);
  if (keep > 0s) fmt::print(stderr, "gateway: pid {}\n", gateway.pid());
  while (!over && Clock::now() < begin + kPatience) std::this_thread::sleep_for(1ms);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::this_thread::sleep_for(keep);
  const Drained drained{seconds, figures_of(gateway.pid())};
  if (!over || gateway.stop() != 0) {
    fmt::print(stderr, "the gateway did not end: {}\n", box.log("gateway"));
    std::exit(1);
  }
  return drained;
}

// Both sessions, in the broker and nowhere else.
void make_sessions(std::uint16_t port) {
  make_bare_session(port);
  test::Box box(port, kWindows);
  box.start("gateway").stop();
}

double per_million(double seconds, const Backlog& backlog) { return seconds * 1e6 / backlog.readings; }

int main(int readings, int rounds, int sensors, int interval) {
  const test::Broker broker(kBroker);
  make_sessions(broker.port());
  Backlog backlog{readings / sensors * sensors, sensors, interval};
  std::vector<double> ratios, bare_cpu, gateway_cpu;
  for (int round = 0; round < rounds; ++round) {
    publish_backlog(broker.port(), backlog);
    Drained bare, gateway;
    if (round % 2 == 0) bare = drain_bare(broker.port(), backlog.readings + 1);
    gateway = drain_gateway(broker.port());
    if (round % 2 == 1) bare = drain_bare(broker.port(), backlog.readings + 1);
    ratios.push_back(bare.seconds / gateway.seconds);
    bare_cpu.push_back(per_million(bare.figures.cpu_s, backlog));
    gateway_cpu.push_back(per_million(gateway.figures.cpu_s, backlog));
    fmt::print("round {}: ratio {:.2f}\n", round + 1, ratios.back());
    print("bare", bare, backlog.readings, backlog.bytes);
    print("gateway", gateway, backlog.readings, backlog.bytes);
  }
  fmt::print(
      "median of {} rounds of {} readings of {} sensors: ratio {:.2f} (at least 0.7), CPU per million {:.1f} "
      "s (at most 12), bare {:.1f} s\n",
      rounds, backlog.readings, sensors, median(ratios), median(gateway_cpu), median(bare_cpu));
  return 0;
}

int keep_main(int seconds, int readings, int sensors, int interval) {
  const test::Broker broker(kBroker);
  make_sessions(broker.port());
  Backlog backlog{readings / sensors * sensors, sensors, interval};
  publish_backlog(broker.port(), backlog);
  print("gateway", drain_gateway(broker.port(), std::chrono::seconds{seconds}), backlog.readings,
        backlog.bytes);
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  if (first == "bare")
    return lookout::bench::count_bare(static_cast<std::uint16_t>(number(2, 0)), number(3, 0));
  if (first == "keep")
    return lookout::bench::keep_main(number(2, 0), number(3, 1'000'000), number(4, 1000), number(5, 10));
  return lookout::bench::main(number(1, 1'000'000), number(2, 3), number(3, 1000), number(4, 10));
}
