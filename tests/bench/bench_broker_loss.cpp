// How many readings that Mosquitto acknowledged to the sensors are gone after it, or the gateway, was killed
// or restarted, by the shipped mosquitto.conf. The simulator's ledger says what was acknowledged; the
// gateway's books say how many distinct readings it saw.
//   bench-broker-loss [RUNS [SEED [FAULT]]]      5 1; only the faults whose names hold FAULT
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/bench/process_figures.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;

// Everything finds a window open, so that every repeat is known for one.
constexpr const char* kWindows = R"(
[time]
lag = "1h"
[[window]]
name = "5m"
size = "5m"
by = ["region"]
)";

struct Load {
  const char* name;
  std::vector<std::string> arguments;
  std::chrono::milliseconds first, last;  // the fault comes between these two, after the load began
};

// Within max_future of the clock, also where they are sent as fast as they will go.
const Load kSlow{"500 readings/s for 20 s",
                 {"--sensors", "50", "--interval", "100ms", "--duration", "20s", "--speed", "1x"},
                 2s,
                 18s};
const Load kMinute{"500 readings/s for 60 s",
                   {"--sensors", "50", "--interval", "100ms", "--duration", "60s", "--speed", "1x"},
                   2s,
                   58s};
const Load kFast{"300,000 readings at full speed",
                 {"--sensors", "1000", "--interval", "10ms", "--duration", "3s", "--speed", "max"},
                 500ms,
                 4s};

enum class Fault { kill_broker, restart_broker, kill_gateway, kill_both };

struct Scenario {
  const char* name;
  bool gateway_up;
  Fault fault;
  const Load& load;
};

const Scenario kScenarios[] = {
    {"Mosquitto killed, gateway up", true, Fault::kill_broker, kSlow},
    {"Mosquitto killed, gateway up", true, Fault::kill_broker, kFast},
    {"Mosquitto and gateway killed", true, Fault::kill_both, kFast},
    {"gateway killed", true, Fault::kill_gateway, kFast},
    {"Mosquitto restarted, gateway up", true, Fault::restart_broker, kFast},
    {"Mosquitto restarted, gateway away", false, Fault::restart_broker, kSlow},
    {"Mosquitto killed, gateway away", false, Fault::kill_broker, kMinute},
};

nlohmann::json next_stats(const test::Broker& broker) {
  const auto got = test::run(
      {"mosquitto_sub", "-p", broker.port_text(), "-t", "lookout/gateway/+/stats", "-C", "1", "-W", "30"});
  return got.code == 0 ? nlohmann::json::parse(got.out) : nlohmann::json{};
}

// The books once nothing more comes.
std::int64_t distinct_readings(const test::Broker& broker) {
  std::int64_t before = -1;
  for (int tries = 0; tries < 30; ++tries) {
    const auto stats = next_stats(broker);
    if (stats.is_null()) continue;
    const auto& books = stats["books"];
    const std::int64_t distinct =
        books["received"].get<std::int64_t>() - books["duplicate"].get<std::int64_t>();
    if (distinct == before && stats["lag"]["records"] == 0) return distinct;
    before = distinct;
  }
  fmt::print(stderr, "the gateway's books do not come to rest\n");
  std::exit(1);
}

void strike(Fault fault, test::Broker& broker, test::Box& box, std::optional<test::ChildProcess>& gateway) {
  if (fault == Fault::kill_broker) broker.kill();
  if (fault == Fault::kill_both) {
    gateway->send(SIGKILL);  // at once: one left alone would still read what is in its socket
    broker.kill();
    gateway->kill();
  }
  if (fault == Fault::restart_broker) broker.stop();
  if (fault == Fault::kill_gateway) gateway->kill();
  if (fault != Fault::kill_gateway) broker.start();
  if (fault == Fault::kill_gateway || fault == Fault::kill_both) gateway = box.start("gateway", false);
}

struct Outcome {
  std::int64_t acknowledged = 0, lost = 0;
};

Outcome run(const Scenario& scenario, std::minstd_rand& random) {
  test::Broker broker;
  test::Box box(broker.port(), kWindows);
  trust_clock(box.config());
  std::optional<test::ChildProcess> gateway = box.start("gateway");
  if (!scenario.gateway_up) gateway->stop();
  // The session has been saved, as it is after the first half minute of a box.
  broker.stop();
  broker.start();
  if (scenario.gateway_up) std::this_thread::sleep_for(3s);  // it is back

  const auto ledger = box.folder() / "ledger";
  std::vector<std::string> command{test::program("simulator"),
                                   "run",
                                   "--network",
                                   "loss",
                                   "--regions",
                                   "north",
                                   "--metric",
                                   "name=temperature,baseline=22,noise=2",
                                   "--seed",
                                   std::to_string(random()),
                                   "--port",
                                   broker.port_text(),
                                   "--truth",
                                   ledger.string()};
  const Load& load = scenario.load;
  command.insert(command.end(), load.arguments.begin(), load.arguments.end());
  test::ChildProcess simulator(command, {"/dev/null", box.folder() / "simulator.log"});
  std::uniform_int_distribution<std::int64_t> moments(load.first.count(), load.last.count());
  std::this_thread::sleep_for(std::chrono::milliseconds(moments(random)));
  strike(scenario.fault, broker, box, gateway);
  if (simulator.wait(180s) != 0) {
    fmt::print(stderr, "the simulator failed: {}\n", test::slurp(box.folder() / "simulator.log"));
    std::exit(1);
  }
  if (!scenario.gateway_up) gateway = box.start("gateway");
  const std::string lines = test::slurp(ledger);
  const std::int64_t acknowledged = std::ranges::count(lines, '\n');
  const std::int64_t lost = acknowledged - distinct_readings(broker);
  gateway->stop();
  return {acknowledged, lost};
}

int main(int runs, unsigned seed, std::string_view fault) {
  std::minstd_rand random(seed);
  fmt::print("{:36} {:32} {:>12}  lost of them, run by run\n", "fault", "load", "acknowledged");
  for (const Scenario& scenario : kScenarios) {
    if (std::string_view(scenario.name).find(fault) == std::string_view::npos) continue;
    std::vector<std::int64_t> lost;
    std::int64_t acknowledged = 0;
    for (int i = 0; i < runs; ++i) {
      const Outcome outcome = run(scenario, random);
      acknowledged += outcome.acknowledged;
      lost.push_back(outcome.lost);
    }
    fmt::print("{:36} {:32} {:>12}  {}\n", scenario.name, scenario.load.name, acknowledged,
               fmt::join(lost, " "));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  return lookout::bench::main(argc > 1 ? std::stoi(argv[1]) : 5,
                              argc > 2 ? static_cast<unsigned>(std::stoul(argv[2])) : 1,
                              argc > 3 ? argv[3] : "");
}
