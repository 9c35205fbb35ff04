// The gateway away while the bridge goes on: what live lacks afterwards, and what a replay into live
// restores, with both programs, the simulator and Mosquitto. Expected values: an uninterrupted run (backtest
// over all archived messages), which is held against the simulator's ledgers itself.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include "common/timestamp.h"
#include "tests/support/box.h"
#include "tests/support/ledger_check.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using lookout::to_rfc3339;
using nlohmann::json;
using std::chrono::seconds;

namespace {

// The sensors' time is the test's: no guard, and no silence, is to be about today.
constexpr const char* kConfig = R"(
[time]
lag = "30s"
allowed_lateness = "1m"
idle = "1h"
max_past = "3650d"
max_future = "1d"
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region"]
[[window]]
name = "1m"
size = "1m"
by = ["region"]
[[window]]
name = "sliding"
kind = "sliding"
size = "10m"
step = "5m"
by = ["region", "network"]
[[rule]]
name = "Fire"
window = "5m"
by = "region"
when = "temperature.mean > 35"
)";

/// By id the result that holds: complete beats incomplete, then the highest revision.
using Results = std::map<std::string, json>;

bool is_incomplete(const json& result) { return result.value("incomplete", false); }

void offer(Results& results, const json& result) {
  const auto [known, is_new] = results.try_emplace(result["id"], result);
  const auto rank = [](const json& r) { return std::pair(!is_incomplete(r), r["revision"].get<int>()); };
  if (!is_new && rank(known->second) < rank(result)) known->second = result;
}

bool is_near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)); }

bool same_figures(const json& a, const json& b) {
  return std::ranges::all_of(std::initializer_list<const char*>{"start", "end", "count", "sensors", "min",
                                                                "max", "first", "last", "seq_gaps"},
                             [&](const char* key) { return a[key] == b[key]; }) &&
         std::ranges::all_of(std::initializer_list<const char*>{"sum", "mean", "stddev"},
                             [&](const char* key) { return is_near(a[key], b[key]); });
}

/// Ids that are in one only, or whose figures differ.
std::vector<std::string> differing(const Results& expected, const Results& actual) {
  std::vector<std::string> ids;
  for (const auto& [id, result] : expected) {
    const auto found = actual.find(id);
    if (found == actual.end() || !same_figures(result, found->second)) ids.push_back(id);
  }
  for (const auto& [id, result] : actual) {
    if (!expected.contains(id)) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> incomplete(const Results& results) {
  std::vector<std::string> ids;
  for (const auto& [id, result] : results) {
    if (is_incomplete(result)) ids.push_back(id);
  }
  return ids;
}

/// A box whose sensors begin at `start`; times are counted from there.
class Drill {
 public:
  explicit Drill(seconds start) : start_(start), box_(broker_.port(), kConfig) {
    std::filesystem::create_directory(box_.folder() / "conf.d");
    spit(box_.folder() / "conf.d/clock.toml", "[box]\nclock = \"trusted\"\n");
    seen_.emplace(broker_, std::vector<std::string>{"aggregates/#", "alerts/#", "replay/+/alerts/#"});
    bridge_.emplace(box_.start("bridge"));
    start_gateway();
  }

  /// 12 sensors, 3 regions, 2 metrics, every 20 s.
  void play(seconds from, seconds duration, const std::vector<std::string>& more = {}) {
    const auto ledger = box_.folder() / fmt::format("ledger-{}", from.count());
    std::vector<std::string> arguments = sensors(from, duration);
    arguments.insert(arguments.end(), {"--truth", ledger.string()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    simulate(broker_, std::move(arguments));
    batch_.add_ledger(ledger);
  }
  /// A last reading of each series, so new that all windows before it are final.
  void close(seconds at) { simulate(broker_, sensors(at, 20s)); }

  /// Everything from before has gone its whole way, through the gateway and into the archive: what came
  /// behind it has.
  void settle() {
    const std::string network = fmt::format("marker-{}", ++markers_);
    for (const char* time : {"2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z"})
      broker_.publish(fmt::format("sensors/{}/north/s/t", network),
                      fmt::format(R"({{"event_time":"{}","value":1}})", time));
    REQUIRE(wait_until([&] { return !seen_->received("aggregates/" + network + "/").empty(); }, 60s));
    REQUIRE(wait_until([&] {
      return bridge("query", {"--kind", "aggregates", "--from", "2026-02-01", "--to", "2026-02-02", "--json"})
          .contains(network);
    }));
  }

  void start_gateway() { gateway_.emplace(box_.start("gateway")); }
  void lose_gateway() {
    gateway_->kill();
    std::filesystem::remove_all(box_.state() / "gateway");
  }
  /// As when it expires.
  void remove_session() const {
    REQUIRE(run({"mosquitto_pub", "-p", broker_.port_text(), "-i", "lookout-gateway-test-box-in", "-t",
                 "test/session", "-m", "gone"})
                .code == 0);
  }
  [[nodiscard]] std::string gateway_log() const { return box_.log("gateway"); }

  /// `lookout-bridge replay --into live`: the counts of the promotion.
  json replay_into_live(const std::string& job, seconds from, seconds to) {
    const auto finished = run({program("bridge"), "replay", "--config", box_.config(), "--job", job, "--from",
                               time(from), "--to", time(to), "--into", "live", "--json"});
    INFO(finished.err);
    REQUIRE(finished.code == 0);
    settle();
    return json::parse(finished.out)["promotion"];
  }

  /// Of the configured windows, as somebody has them who listened all the time. Days, which the bridge sums
  /// up once they are over, are not among them: where the test begins before midnight, one is published.
  std::vector<json> published() {
    std::vector<json> published;
    for (const Received& message : seen_->received("aggregates/wildfire/")) {
      if (!message.topic.starts_with("aggregates/wildfire/day/")) published.push_back(message.json());
    }
    return published;
  }
  Results results() {
    Results results;
    for (const json& result : published()) offer(results, result);
    return results;
  }
  std::vector<json> alerts(const std::string& prefix = "alerts/") {
    std::vector<json> alerts;
    for (const Received& message : seen_->received(prefix)) alerts.push_back(message.json());
    return alerts;
  }

  Results uninterrupted() {
    const auto file = box_.folder() / "messages.ndjson";
    spit(file, bridge("export", {"--kind", "messages", "--topics", "sensors/wildfire/#"}));
    const auto finished = run(
        {program("gateway"), "backtest", "--config", box_.config(), "--input", file.string(), "--no-flush"});
    REQUIRE(finished.code == 0);
    Results results;
    std::istringstream in(finished.out);
    for (std::string line; std::getline(in, line);) {
      const json output = json::parse(line);
      if (output["topic"].get<std::string>().starts_with("aggregates/")) offer(results, output["payload"]);
    }
    check_against_ledgers(results);
    return results;
  }

  void stop() {
    CHECK(gateway_->stop() == 0);
    CHECK(bridge_->stop() == 0);
  }

 private:
  [[nodiscard]] std::string time(seconds at) const { return to_rfc3339(lookout::Timestamp{start_ + at}); }
  // The simulator waits where the sensors' time would be behind now: it runs a day behind, with clocks that
  // are a day ahead.
  [[nodiscard]] std::vector<std::string> sensors(seconds from, seconds duration) const {
    return {"run",
            "--sensors",
            "12",
            "--regions",
            "north,south,east",
            "--interval",
            "20s",
            "--seed",
            fmt::format("{}", 1 + from.count()),
            "--start",
            time(from - 24h),
            "--duration",
            fmt::format("{}s", duration.count()),
            "--speed",
            "max",
            "--fault",
            "kind=clock,offset=24h"};
  }
  [[nodiscard]] std::string bridge(const std::string& name, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program("bridge"), name, "--config", box_.config()});
    const auto finished = run(arguments);
    INFO(finished.err);
    REQUIRE(finished.code == 0);
    return finished.out;
  }
  void check_against_ledgers(const Results& results) const {
    REQUIRE(batch_.readings() == 12 * 2 * 3 * 90);
    for (const auto& [id, expected] : batch_.results()) {
      INFO(id);
      REQUIRE(results.contains(id));
      const json& result = results.at(id);
      REQUIRE(result["count"] == expected.count);
      REQUIRE(result["min"] == expected.min);
      REQUIRE(result["max"] == expected.max);
      REQUIRE(is_near(result["sum"], static_cast<double>(expected.sum)));
    }
  }

  const seconds start_;
  Broker broker_;
  Box box_;
  Batch batch_{{{"5m", 300, true, true}, {"1m", 60, false, true}}};
  std::optional<Subscriber> seen_;
  std::optional<ChildProcess> bridge_, gateway_;
  unsigned markers_ = 0;
};

std::vector<std::string> described(const std::vector<json>& alerts) {
  std::vector<std::string> lines;
  lines.reserve(alerts.size());
  for (const json& alert : alerts)
    lines.push_back(fmt::format("{} {}", alert["labels"]["region"].get<std::string>(),
                                alert["state"].get<std::string>()));
  return lines;
}

}  // namespace

TEST_CASE(
    "outage drill: half an hour with a fire is missed, and a replay restores it without paging anybody") {
  Drill drill(1'772'359'200s);  // 2026-03-01T10:00:00Z
  drill.play(0min, 22min + 30s);
  drill.settle();
  drill.lose_gateway();
  drill.remove_session();
  drill.play(22min + 30s, 30min, {"--fire", "region=north,start=300s,duration=1200s,temperature=60"});
  drill.start_gateway();
  drill.play(52min + 30s, 37min + 30s, {"--fire", "region=south,start=900s,duration=600s,temperature=60"});
  drill.close(100min);
  drill.settle();

  const Results uninterrupted = drill.uninterrupted();
  const auto lacking = differing(uninterrupted, drill.results());
  CHECK(lacking.size() > 300);
  CHECK(lacking.size() < uninterrupted.size() / 2);
  CHECK(incomplete(drill.results()).empty());
  const auto paged = drill.alerts();
  CHECK(described(paged) == std::vector<std::string>{"south firing", "south resolved"});

  const json first = drill.replay_into_live("first", 10min, 65min);
  CHECK(first["promoted"] == lacking.size());
  CHECK(first["retracted"] == 0);
  CHECK(differing(uninterrupted, drill.results()).empty());
  CHECK(drill.alerts() == paged);
  const auto historical = drill.alerts("replay/first/alerts/");
  CHECK(described(historical) == std::vector<std::string>{"north firing", "north resolved", "south firing"});
  for (const json& alert : historical) CHECK(alert["historical"] == true);

  const auto published = drill.published();
  const json second = drill.replay_into_live("second", 10min, 65min);
  CHECK(second["promoted"] == 0);
  CHECK(second["retracted"] == 0);
  CHECK(second["equal"] == first["promoted"].get<int>() + first["equal"].get<int>());
  CHECK(drill.published() == published);
  CHECK(drill.alerts() == paged);
  drill.stop();
}

// The card is replaced; the broker has kept what came meanwhile, but not what the gateway had taken before.
// What may be cut begins before the first connection, by the clock: so the sensors' times are of today.
TEST_CASE("outage drill: windows that a lost state cut are incomplete until a replay completes them") {
  Drill drill(seconds{std::time(nullptr) / 300 * 300 - 3600});
  drill.play(0min, 57min + 30s);
  drill.settle();
  drill.lose_gateway();
  drill.play(57min + 30s, 12min + 30s);
  drill.start_gateway();
  drill.play(70min, 20min);
  drill.close(100min);
  drill.settle();
  CHECK(drill.gateway_log().contains("the broker knows this box, whose state is new"));

  const Results uninterrupted = drill.uninterrupted(), live = drill.results();
  const auto marked = incomplete(live);
  std::vector<std::string> cut = differing(uninterrupted, live);
  const auto unknown = std::erase_if(cut, [&](const auto& id) { return !live.contains(id); });
  // Open when the state was lost: 30 windows of 5 minutes, 6 of one, 16 sliding ones. And 6 of one minute
  // that had all their readings, so that nothing told the gateway of them again.
  CHECK(cut.size() == 30 + 6 + 16);
  CHECK(unknown == 6);
  CHECK(std::ranges::includes(marked, cut));
  CHECK(marked.size() < live.size() / 2);

  const json first = drill.replay_into_live("first", 0min, 95min);
  CHECK(first["promoted"] == marked.size() + unknown);
  CHECK(incomplete(drill.results()).empty());
  CHECK(differing(uninterrupted, drill.results()).empty());

  const auto published = drill.published();
  CHECK(drill.replay_into_live("second", 0min, 95min)["promoted"] == 0);
  CHECK(drill.published() == published);
  CHECK(drill.alerts().empty());
  drill.stop();
}
