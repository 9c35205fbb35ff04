// Damage to what a gateway has kept, after it has run under load: the next start goes on, says what is lost,
// and everything else comes out as if nothing had happened.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <thread>

#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "common/mqtt_session.h"
#include "common/outbox.h"
#include "common/supervisor.h"
#include "tests/fault/preload.h"
#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kConfig = R"(
[time]
lag = "1s"
idle = "1h"
[[window]]
name = "w"
size = "1s"
by = ["region"]
[journal]
segment = "1 MiB"
)";
constexpr std::int64_t kLag = 1;

double epoch_seconds(Timestamp time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Sensors of two regions that tell the present, 4 KiB a reading, and remember what they told.
class Sensors {
 public:
  explicit Sensors(const Broker& broker) {
    SessionOptions options;
    options.mqtt.port = broker.port();
    options.client_id = "sensors";
    options.clean_session = true;
    SessionEvents events;
    events.on_message = [](const MessageView&) {};
    events.on_connected = [this] { outbox_.on_connected(); };
    events.on_lost = [this] { outbox_.on_lost(); };
    events.wake = [this] { supervisor_.wake(); };
    session_ = make_paho_session(options, events);
    outbox_.use(*session_);
    supervisor_.add([this](auto now) { return session_->step(now); });
    supervisor_.start();
  }
  Sensors(const Sensors&) = delete;
  Sensors& operator=(const Sensors&) = delete;
  ~Sensors() {
    supervisor_.stop();
    session_->close(1s);
  }

  /// For so long, a reading of each region every 10 ms, and on a slow machine until there are 120 for each
  /// second, some 500 KB; returns when the broker has all.
  void tell(std::chrono::seconds duration) {
    const auto end = wall_clock_now() + duration;
    const auto enough = told_ + 120 * static_cast<decltype(told_)>(duration.count());
    while (wall_clock_now() < end || told_ < enough) {
      for (const char* region : {"north", "south"}) publish(region, epoch_seconds(wall_clock_now()));
      std::this_thread::sleep_for(10ms);
    }
    REQUIRE(wait_until([&] { return outbox_.unacknowledged() == 0; }));
  }
  /// Closes all windows so far.
  void close() {
    for (const char* region : {"north", "south"}) publish(region, epoch_seconds(wall_clock_now() + 10s));
  }

  struct Figures {
    std::uint64_t count = 0;
    double sum = 0;
  };
  using Window = std::pair<std::string, std::int64_t>;  // region, start
  /// Of the windows that close() has closed.
  [[nodiscard]] std::map<Window, Figures> expected() const {
    std::map<Window, Figures> windows = windows_;
    for (const char* region : {"north", "south"})
      windows.erase(std::ranges::max_element(windows, {}, [&](const auto& window) {
        return window.first.first == region ? window.first.second : 0;
      }));
    return windows;
  }

 private:
  void publish(const std::string& region, double time) {
    ++told_;
    const std::string payload =
        fmt::format(R"({{"event_time":{:.6f},"value":{},"seq":{}}})", time, told_ % 97, told_);
    REQUIRE(outbox_.publish(
        {fmt::format("sensors/net/{}/s/t", region), payload + std::string(4096, ' '), false}, told_, {}));
    Figures& window = windows_[{region, static_cast<std::int64_t>(time)}];
    ++window.count;
    window.sum += static_cast<double>(told_ % 97);
  }

  Supervisor supervisor_;
  Outbox outbox_{4096, [](std::uint64_t) {}};
  std::unique_ptr<MqttSession> session_;
  std::uint64_t told_ = 0;
  std::map<Window, Figures> windows_;
};

struct Rig {
  [[nodiscard]] std::filesystem::path folder() const { return box.state() / "gateway"; }
  [[nodiscard]] std::vector<std::filesystem::path> files(std::string_view words) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder())) {
      if (entry.path().filename().string().find(words) != std::string::npos) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  [[nodiscard]] std::vector<std::filesystem::path> snapshots() const { return files(".snapshot"); }
  /// Everything in the journal is computed.
  void await_computed() {
    Subscriber subscriber(broker, {"lookout/gateway/+/stats"});
    REQUIRE(wait_until([&] {
      const auto stats = subscriber.received();
      return !stats.empty() && stats.back().json()["lag"]["records"] == 0;
    }));
  }
  /// Starts it as one whose outputs nobody has confirmed, closes all windows, and gives what comes out, by
  /// window.
  std::map<Sensors::Window, nlohmann::json> start_and_close() {
    std::filesystem::remove(folder() / "cursor");
    Subscriber subscriber(broker, {"aggregates/#"});
    gateway = box.start("gateway");
    preload_nothing();
    sensors.close();
    std::map<Sensors::Window, nlohmann::json> results;
    const auto last = sensors.expected().rbegin()->first.second;
    const auto take = [&] {
      for (const auto& message : subscriber.received("aggregates/")) {
        const auto json = message.json();
        results[{json["group"], static_cast<std::int64_t>(epoch_of(json["start"]))}] = json;
      }
      return results.contains({"north", last}) && results.contains({"south", last});
    };
    REQUIRE(wait_until(take));
    return results;
  }

  Broker broker;
  Box box{broker.port(), kConfig};
  Sensors sensors{broker};
  ChildProcess gateway = box.start("gateway");
};

/// Marks no more and no less than it must. `resumed`: the arrival behind the loss; `lost`: the event times
/// that are gone.
void check_marks(const std::map<Sensors::Window, nlohmann::json>& results,
                 const std::map<Sensors::Window, Sensors::Figures>& expected, double resumed,
                 const std::vector<double>& lost) {
  std::size_t incomplete = 0;
  for (const auto& [window, json] : results) {
    INFO(json.dump());
    const auto start = static_cast<double>(window.second);
    const bool closed_before = !lost.empty() && start + 1 + kLag < *std::ranges::min_element(lost);
    const bool lacks =
        std::ranges::any_of(lost, [&](double time) { return time >= start && time < start + 1; });
    if (json.contains("incomplete")) {
      ++incomplete;
      CHECK(start < resumed);
      CHECK_FALSE(closed_before);
      continue;
    }
    CHECK_FALSE(lacks);
    const auto figures = expected.find(window);
    REQUIRE(figures != expected.end());
    CHECK(json["count"] == figures->second.count);
    CHECK(json["sum"] == figures->second.sum);
  }
  CHECK(incomplete > 0);
  CHECK(incomplete < results.size());
}

double event_time_of(const MessageView& message) {
  return nlohmann::json::parse(message.payload)["event_time"];
}

void flip_byte(const std::filesystem::path& file, std::size_t at) {
  std::string content = slurp(file);
  content.at(at) ^= 1;
  spit(file, content);
}

}  // namespace

TEST_CASE("damage in the middle of the journal costs its records, and the windows that lack them say so") {
  const bool unreadable = GENERATE(false, true);
  Rig rig;
  rig.sensors.tell(5s);
  rig.await_computed();
  rig.gateway.kill();
  const auto segments = list_segments(rig.folder() / "journal").value();
  REQUIRE(segments.size() >= 3);
  const std::uint64_t damaged = std::next(segments.begin())->first;
  const auto file = journal::segment_path(rig.folder() / "journal", damaged);
  // A sector in the middle, or one byte in it.
  const std::size_t at = segments.at(damaged) / 2 / 4096 * 4096 + 100;
  if (unreadable) {
    ::setenv("SYNC_SHIM_BAD", fmt::format("{}:{}", file.filename().string(), at).c_str(), 1);
    preload(LOOKOUT_SYNC_SHIM);
  }
  // What stands there, by an intact copy.
  std::vector<double> lost;
  std::uint64_t first_lost = 0;
  double resumed = 0;
  auto reader = SegmentReader::open(rig.folder() / "journal", damaged);
  REQUIRE(reader.has_value());
  for (bool behind = false; !behind;) {
    const std::size_t begin = reader->position();
    if (lost.empty()) first_lost = reader->offset();
    const auto record = reader->next(std::numeric_limits<std::uint64_t>::max());
    REQUIRE((record && *record));
    const std::size_t end = reader->position();
    const std::size_t bad = unreadable ? at / 4096 * 4096 : at, bad_end = unreadable ? bad + 4096 : at + 1;
    if (begin < bad_end && end > bad) lost.push_back(event_time_of((*record)->message));
    behind = begin >= bad_end;
    resumed = epoch_seconds((*record)->message.arrival);
  }
  if (!unreadable) flip_byte(file, at);
  const auto results = rig.start_and_close();
  ::unsetenv("SYNC_SHIM_BAD");
  REQUIRE_FALSE(lost.empty());
  check_marks(results, rig.sensors.expected(), resumed, lost);
  CHECK(results.size() == rig.sensors.expected().size());
  CHECK(rig.files(".corrupt.").size() == 1);
  CHECK_THAT(rig.box.log("gateway"), Catch::Contains(fmt::format("journal: offsets {} to {} cannot be read",
                                                                 first_lost, first_lost + lost.size() - 1)));
  CHECK(rig.gateway.stop() == 0);
}

TEST_CASE(
    "a damaged snapshot: the older one gives the same results, without both the journal that is left does") {
  const bool both = GENERATE(false, true);
  Rig rig;
  // A stop leaves out the snapshot that a slow disk does not take in time.
  const auto left_out = [&] { return occurrences(rig.box.log("gateway"), "the last one takes too long"); };
  for (std::size_t runs = 0; runs < 2 + left_out(); ++runs) {
    if (runs > 0) rig.gateway = rig.box.start("gateway");
    rig.sensors.tell(3s);
    rig.await_computed();
    REQUIRE(rig.gateway.stop() == 0);
  }
  const auto snapshots = rig.snapshots();
  REQUIRE(snapshots.size() == 2);
  // This start trims the journal; what it trims nobody needs.
  const auto first = list_segments(rig.folder() / "journal")->begin()->first;
  rig.gateway = rig.box.start("gateway");
  REQUIRE(wait_until([&] { return list_segments(rig.folder() / "journal")->begin()->first > first; }));
  rig.gateway.kill();
  REQUIRE(rig.snapshots() == snapshots);
  flip_byte(snapshots[1], std::filesystem::file_size(snapshots[1]) / 2);
  if (both) flip_byte(snapshots[0], std::filesystem::file_size(snapshots[0]) / 2);
  double resumed = 0;
  if (both) {
    const auto left = list_segments(rig.folder() / "journal")->begin()->first;
    JournalReader reader(rig.folder() / "journal", left);
    resumed = epoch_seconds(reader.next(left + 1).value()->message.arrival);
  }
  const auto results = rig.start_and_close();
  CHECK(rig.files(".corrupt.").size() == (both ? 2 : 1));
  if (both) {
    check_marks(results, rig.sensors.expected(), resumed, {});
  } else {
    for (const auto& [window, json] : results) {
      INFO(json.dump());
      CHECK_FALSE(json.contains("incomplete"));
      CHECK(json["count"] == rig.sensors.expected().at(window).count);
      CHECK(json["sum"] == rig.sensors.expected().at(window).sum);
    }
  }
  CHECK(rig.gateway.stop() == 0);
}
