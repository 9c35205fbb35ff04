// How fast the archive goes out as envelopes, beside a bare Paho publisher that sends the same ones.
//
//   bench-replay [READINGS [ROUNDS]]     300,000 3
//
// `lookout-bridge replay --speed max --rate 0`, by arrival and by event time, into a real Mosquitto; a
// gateway of two messages (it is online, it has taken all) stands in for the real one, whose work is not what
// is measured. Timed at the broker, from the `start` of the job to its `end`; the bare publisher from its
// first message to its last PUBACK.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "bridge/archive/archive_name.h"
#include "tests/bench/bare_client.h"
#include "tests/bench/filled_archive.h"
#include "tests/bench/process_figures.h"
#include "tests/support/box.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 300s;
constexpr Timestamp kStart = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};
constexpr auto kInterval = 10s;
constexpr int kSensors = 500;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// Takes the times of a job's start and end, and answers for the gateway.
class StandIn {
 public:
  explicit StandIn(const test::Broker& broker)
      : broker_(broker), listener_(broker.port(), "bench-stand-in", false, [this](auto topic, auto payload) {
          hear(topic, payload);
        }) {
    broker.publish("lookout/gateway/test-box/status", R"({"state":"online"})", true);
    listener_.subscribe("replay/+/control");
  }
  /// How long the job took, once it has ended.
  double await_end(const std::string& job, int messages) {
    if (!test::wait_until([&] { return ended_.load(); }, kPatience)) {
      fmt::print(stderr, "bench-replay: the replay did not end\n");
      std::exit(1);
    }
    broker_.publish("replay/" + job + "/summary",
                    fmt::format(R"({{"job":"{}","state":"done","messages":{},"repeats":0,"unreadable":0}})",
                                job, messages));
    ended_ = false;
    return seconds(end_ - begin_);
  }

 private:
  void hear(std::string_view /*topic*/, std::string_view payload) {
    const auto action = nlohmann::json::parse(payload).at("action").get<std::string>();
    (action == "start" ? begin_ : end_) = Clock::now();
    ended_ = action != "start";
  }
  const test::Broker& broker_;
  Clock::time_point begin_, end_;
  std::atomic<bool> ended_ = false;
  BareClient listener_;
};

double replay(const test::Box& box, StandIn& gateway, const std::string& by, int round, int readings) {
  const std::string job = fmt::format("{}-{}", by, round);
  const Timestamp end = kStart + kInterval * (readings / kSensors + 1);
  test::ChildProcess bridge(
      {test::program("bridge"), "replay", "--config", box.config(), "--from", to_rfc3339(kStart), "--to",
       to_rfc3339(end), "--by", by, "--speed", "max", "--rate", "0", "--job", job},
      {"/dev/null", box.folder() / "replay.log"});
  const double taken = gateway.await_end(job, readings);
  if (bridge.wait() != 0) {
    fmt::print(stderr, "bench-replay: {}\n", test::slurp(box.folder() / "replay.log"));
    std::exit(1);
  }
  return taken;
}

/// Envelopes as long as those of the replay.
double publish_bare(std::uint16_t port, int readings) {
  BareClient client(port, "bench-bare-publisher");
  std::vector<std::pair<std::string, std::string>> messages;
  messages.reserve(static_cast<std::size_t>(readings));
  for (int i = 0; i < readings; ++i) {
    messages.emplace_back(
        fmt::format("replay/bare/sensors/bench/region-{:02}/sensor-{:03}/temperature", i % 20, i % kSensors),
        fmt::format(R"({{"offset":{},"arrival":"2026-11-01T00:00:00.{:06}Z","retain":false,"payload":)"
                    R"("{{\"event_time\":1793491200.{:03},\"value\":{}.{:02},\"unit\":\"Cel\",\"seq\":{},)"
                    R"(\"boot\":\"a1b2\"}}"}})",
                    i, i % 1'000'000, i % 1000, 18 + i % 9, i % 100, i / kSensors));
  }
  const auto begin = Clock::now();
  for (const auto& [topic, payload] : messages) client.publish(topic, payload);
  client.flush();
  return seconds(Clock::now() - begin);
}

int main(int readings, int rounds) {
  const test::Broker broker;
  const test::Box box(broker.port(), "");
  std::filesystem::create_directories(box.state() / "bridge");
  fill_archive(archive_folder(box.state()), filling_config(), {readings, kSensors, kStart, kInterval});
  StandIn gateway(broker);
  std::map<std::string, std::vector<double>> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double bare = publish_bare(broker.port(), readings);
    for (const char* by : {"arrival", "event"}) {
      const double ours = replay(box, gateway, by, round, readings);
      ratios[by].push_back(bare / ours);
      fmt::print("round {}: replay by {} {:.0f} messages/s, bare Paho {:.0f} messages/s: ratio {:.2f}\n",
                 round + 1, by, readings / ours, readings / bare, bare / ours);
    }
  }
  for (const auto& [by, of_rounds] : ratios)
    fmt::print("by {}: median of {} rounds of {} readings: ratio {:.2f} (at least 0.7)\n", by, rounds,
               readings, median(of_rounds));
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  return lookout::bench::main(number(1, 300'000), number(2, 3));
}
