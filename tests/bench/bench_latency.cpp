// From the call that publishes a reading to the alert in another client's hands, while the gateway works
// through a background load; and what the gateway uses meanwhile.
//
// A rule over windows of 1 s without lag: a probe is a hot reading and, after it, one that begins the next
// window and so closes the first: the alert follows from that second reading, and the time counts from its
// call. Each probe is a region of its own, so that each gives one alert. Background: lookout-simulator in a
// process of its own, in the same broker, with the windows of bench-drain.
//   bench-latency [SECONDS [PROBES_PER_SECOND]]           30 30
//     For each of the loads.
//   bench-latency replay [SECONDS [PROBES_PER_SECOND [DAYS]]]    60 30 1
//     At 1,000 readings/s, alone and beside the replay of so many days.
//   bench-latency steady [SECONDS [SENSORS [INTERVAL_MS]]]    60 50 500
//     No probes, only what the gateway uses.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>

#include "bridge/archive/archive_name.h"
#include "tests/bench/bare_client.h"
#include "tests/bench/filled_archive.h"
#include "tests/bench/process_figures.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

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
[[window]]
name = "probe"
size = "1s"
lag = "0s"
by = ["region"]
metrics = ["probe"]
publish = false
[[rule]]
name = "Hot"
window = "probe"
when = "probe.mean > 35"
)";

struct Load {
  int sensors;
  std::chrono::milliseconds interval;
  [[nodiscard]] double per_second() const {
    return sensors / std::chrono::duration<double>(interval).count();
  }
};

test::ChildProcess start_load(const test::Broker& broker, const test::Box& box, const Load& load,
                              std::chrono::seconds duration) {
  return {{test::program("simulator"), "run", "--network", "bench", "--sensors", std::to_string(load.sensors),
           "--metric", "name=temperature,baseline=22,noise=2,unit=Cel", "--interval",
           fmt::format("{}ms", load.interval.count()), "--duration", fmt::format("{}s", duration.count()),
           "--speed", "1x", "--port", broker.port_text()},
          {"/dev/null", box.folder() / "simulator.log"}};
}

/// Sends probes and takes the times until their alerts.
class Prober {
 public:
  /// `name`: of its regions. An alert that fires already would tell nothing.
  Prober(std::uint16_t port, std::string name)
      : name_(std::move(name)),
        listener_(port, "bench-listener", false,
                  [this](std::string_view topic, std::string_view payload) { arrived(topic, payload); }),
        publisher_(port, "bench-prober") {
    listener_.subscribe("alerts/bench/Hot/+");
    listener_.subscribe("sensors/bench/+/sensor/probe");
  }

  void probe() {
    const std::string region = fmt::format("{}-{:06}", name_, sent_.size());
    const std::string topic = fmt::format("sensors/bench/{}/sensor/probe", region);
    const auto now =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch();
    publisher_.publish(topic, fmt::format(R"({{"event_time":{},"value":50}})", now.count() - 1));
    const std::string closing = fmt::format(R"({{"event_time":{},{})", now.count(), kClosing);
    {
      const std::lock_guard lock(mutex_);
      sent_[region] = Clock::now();
    }
    publisher_.publish(topic, closing);
  }
  struct Times {
    std::vector<double> alerts, readings;  // milliseconds
  };
  Times times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  std::size_t sent() const { return sent_.size(); }

 private:
  static constexpr std::string_view kClosing = "\"value\":20}";
  static constexpr std::string_view kTopic = "sensors/bench/";

  void arrived(std::string_view topic, std::string_view payload) {
    const auto now = Clock::now();
    const bool is_alert = topic.starts_with("alerts/");
    if (!is_alert && !payload.ends_with(kClosing)) return;
    const std::string_view region =
        is_alert ? topic.substr(topic.rfind('/') + 1)
                 : topic.substr(kTopic.size(), topic.find('/', kTopic.size()) - kTopic.size());
    const std::lock_guard lock(mutex_);
    const auto sent = sent_.find(std::string(region));
    if (sent == sent_.end()) return;
    (is_alert ? times_.alerts : times_.readings)
        .push_back(std::chrono::duration<double, std::milli>(now - sent->second).count());
  }

  const std::string name_;
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> sent_;
  Times times_;
  BareClient listener_, publisher_;
};

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values.empty() ? 0
                        : values[std::min(values.size() - 1,
                                          static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

void print(const char* what, const std::vector<double>& times) {
  fmt::print("  {:42} {:5}  p50 {:6.2f} ms  p99 {:6.2f} ms  p99.9 {:6.2f} ms  worst {:6.2f} ms\n", what,
             times.size(), quantile(times, 0.5), quantile(times, 0.99), quantile(times, 0.999),
             quantile(times, 1));
}

/// Returns the times of the alerts.
std::vector<double> probe_under(const std::string& name, const test::Broker& broker, const test::Box& box,
                                const Load& load, std::chrono::seconds duration, int probes_per_second) {
  test::ChildProcess simulator = start_load(broker, box, load, duration + 2s);
  Prober prober(broker.port(), name);
  const auto begin = Clock::now() + 1s;
  for (int i = 0; i < static_cast<int>(duration.count()) * probes_per_second; ++i) {
    std::this_thread::sleep_until(begin + i * 1000ms / probes_per_second);
    prober.probe();
  }
  test::wait_until([&] { return prober.times().alerts.size() >= prober.sent(); }, 10s);
  const auto [alerts, readings] = prober.times();
  fmt::print("{:.0f} readings/s, {} probes\n", load.per_second(), prober.sent());
  print("their alerts (p99 at most 10 ms)", alerts);
  print("the readings themselves, from the broker", readings);
  std::fflush(stdout);
  simulator.wait();
  return alerts;
}

void measure_latency(const Load& load, std::chrono::seconds duration, int probes_per_second) {
  const test::Broker broker;
  test::Box box(broker.port(), kWindows);
  trust_clock(box.config());
  test::ChildProcess gateway = box.start("gateway");
  probe_under("load", broker, box, load, duration, probes_per_second);
  gateway.stop();
}

/// The largest -wal that the archive has had, in MB, while `during` ran.
double largest_log(const std::filesystem::path& archive, const std::function<void()>& during) {
  std::uintmax_t largest = 0;
  {
    const std::jthread watcher([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        std::error_code gone;
        for (const auto& entry : std::filesystem::directory_iterator(archive, gone)) {
          if (!entry.path().string().ends_with("-wal")) continue;
          const auto size = entry.file_size(gone);
          if (!gone) largest = std::max(largest, size);
        }
        std::this_thread::sleep_for(50ms);
      }
    });
    during();
  }
  return static_cast<double>(largest) / 1e6;
}

/// 864,000 readings of 100 sensors, which no replay at the default rate gets through meanwhile: of one day
/// every 10 s.
int beside_replay(std::chrono::seconds duration, int probes_per_second, int days) {
  const test::Broker broker;
  test::Box box(broker.port(), kWindows);
  trust_clock(box.config());
  const std::chrono::days past{days};
  const Timestamp from =
      std::chrono::floor<std::chrono::days>(wall_clock_now()) - past - std::chrono::days{1};
  std::filesystem::create_directories(box.state() / "bridge");
  fill_archive(archive_folder(box.state()), filling_config(), {864'000, 100, from, days * 10s});
  test::ChildProcess gateway = box.start("gateway"), bridge = box.start("bridge");
  constexpr Load kLoad{500, 500ms};
  const auto alone = probe_under("alone", broker, box, kLoad, duration, probes_per_second);
  fmt::print("beside the replay of {} days:\n", days);
  test::ChildProcess replay({test::program("bridge"), "replay", "--config", box.config(), "--from",
                             to_rfc3339(from), "--to", to_rfc3339(from + past), "--job", "past"},
                            {"/dev/null", box.folder() / "replay.log"});
  std::vector<double> beside;
  const double log = largest_log(archive_folder(box.state()), [&] {
    beside = probe_under("beside", broker, box, kLoad, duration, probes_per_second);
  });
  fmt::print("p99 beside / alone: {:.2f} (at most 2); the archive's log at most {:.1f} MB (32); replay {}\n",
             quantile(beside, 0.99) / quantile(alone, 0.99), log,
             replay.running() ? "still at work" : "over");
  replay.stop();
  fmt::print("{}", test::slurp(box.folder() / "replay.log"));
  bridge.stop();
  gateway.stop();
  return 0;
}

int steady(const Load& load, std::chrono::seconds duration) {
  const test::Broker broker;
  test::Box box(broker.port(), kWindows);
  trust_clock(box.config());
  std::atomic<std::uint64_t> readings = 0, bytes = 0;
  BareClient counter(broker.port(), "bench-counter", false,
                     [&](std::string_view topic, std::string_view payload) {
                       ++readings;
                       bytes += topic.size() + payload.size();
                     });
  counter.subscribe("sensors/#");
  test::ChildProcess gateway = box.start("gateway");
  const ProcessFigures before = figures_of(gateway.pid());
  start_load(broker, box, load, duration).wait(duration + 30s);
  std::this_thread::sleep_for(1s);  // a few syncs
  const ProcessFigures after = figures_of(gateway.pid());
  const auto of_bytes = [&](double value) { return value / static_cast<double>(bytes); };
  fmt::print(
      "{:.0f} readings/s of {} sensors for {} s, {} bytes each: peak resident {:.1f} MB, wchar {:.2f} x, "
      "write_bytes {:.2f} x, CPU {:.2f} % of a core\n",
      load.per_second(), load.sensors, duration.count(), bytes / std::max<std::uint64_t>(readings, 1),
      after.peak_rss_mb, of_bytes(after.wchar - before.wchar),
      of_bytes(after.write_bytes - before.write_bytes),
      100 * (after.cpu_s - before.cpu_s) / static_cast<double>(duration.count()));
  gateway.stop();
  return 0;
}

int main(std::chrono::seconds duration, int probes_per_second) {
  for (const Load& load : {Load{50, 500ms}, Load{1000, 200ms}})
    measure_latency(load, duration, probes_per_second);
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  if (argc > 1 && std::string(argv[1]) == "steady") {
    return lookout::bench::steady({number(3, 50), std::chrono::milliseconds{number(4, 500)}},
                                  std::chrono::seconds{number(2, 60)});
  }
  if (argc > 1 && std::string(argv[1]) == "replay")
    return lookout::bench::beside_replay(std::chrono::seconds{number(2, 60)}, number(3, 30), number(4, 1));
  return lookout::bench::main(std::chrono::seconds{number(1, 30)}, number(2, 30));
}
