// The daily summary that the bridge publishes by itself: a real broker, a clock that is moved past midnight,
// readings that come hours later, and kill -9.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <ctime>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/fault/site.h"
#include "tests/fault/wall_clock.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kConfig = "[time]\nlag = \"3s\"\n";
constexpr std::time_t kDaySeconds = 86400;
constexpr std::int64_t kOfDay = 144;  // readings of a series, every ten minutes

/// A day of the past, since sensors tell nothing of the future.
const std::time_t kDay = (std::time(nullptr) / kDaySeconds - 2) * kDaySeconds;

std::string text_of(std::time_t time, const char* format) {
  char text[64];
  std::strftime(text, sizeof(text), format, std::gmtime(&time));
  return text;
}
const std::string kDate = text_of(kDay, "%F");
const std::string kMidnight = text_of(kDay + kDaySeconds, "%FT%TZ");  // at its end

using Group = std::pair<std::string, std::string>;  // group, metric

/// The ledger's readings by group, as anybody would add them up.
struct Sums {
  std::int64_t count = 0, seq_gaps = 0;
  long double sum = 0;
};
std::map<Group, Sums> sums_of(const std::vector<LedgerEntry>& ledger) {
  std::map<Group, Sums> sums;
  std::map<std::pair<Group, bool>, std::set<std::int64_t>> seqs;  // those sent late name no boot
  for (const LedgerEntry& e : ledger) {
    const std::string sensor = e.region + "/" + e.sensor;
    seqs[{{sensor, e.metric}, e.seq >= kOfDay}].insert(e.seq);
    for (const std::string& group : {sensor, e.region, std::string("_all")}) {
      ++sums[{group, e.metric}].count;
      sums[{group, e.metric}].sum += e.value;
    }
  }
  for (const auto& [counter, of] : seqs) {
    const Group& series = counter.first;
    const std::int64_t gaps = *of.rbegin() - *of.begin() + 1 - static_cast<std::int64_t>(of.size());
    const std::string region = series.first.substr(0, series.first.find('/'));
    for (const std::string& group : {series.first, region, std::string("_all")})
      sums[{group, series.second}].seq_gaps += gaps;
  }
  return sums;
}

class Night {
 public:
  Night() : box_(broker_.port(), kConfig), summaries_(broker_, {"aggregates/+/day/#"}) {
    std::filesystem::create_directory(box_.folder() / "conf.d");
    spit(box_.folder() / "conf.d" / "1-night.toml",
         "[box]\nclock = \"trusted\"\n[mqtt]\nkeepalive = \"5s\"\n");
    set_clock(-2h);
    start();
  }

  /// From midnight on.
  void set_clock(std::chrono::seconds time) {
    offset_ = kDay + kDaySeconds + time.count() - std::time(nullptr);
    clock_.step(std::chrono::seconds{offset_});
  }
  void move_clock(std::chrono::seconds by) { clock_.step(std::chrono::seconds{offset_ += by.count()}); }
  void start(bool wait = true) {
    clock_.give();
    bridge_.emplace(box_.start("bridge", wait));
    WallClock::take_back();
  }
  void kill() { bridge_->kill(); }

  /// A day of sensors, some of it lost on the way.
  void send_day() {
    simulate(broker_, {"run", "--sensors", "20", "--interval", "10m", "--start", kDate, "--duration", "24h",
                       "--speed", "max", "--seed", "7", "--lose", "0.05", "--truth", box_.ledger().string()});
    ledger_ = read_ledger(box_.ledger());
    sums_ = sums_of(ledger_);
  }
  /// One reading more of the day, of the first `sensors` sensors each.
  void send_late(int i, std::size_t sensors = 1) {
    std::vector<LedgerEntry> first;
    std::ranges::copy_if(ledger_, std::back_inserter(first),
                         [](const LedgerEntry& e) { return e.metric == "temperature"; });
    first.resize(sensors);
    for (LedgerEntry late : first) {
      late.value = 30 + i;
      late.seq = kOfDay + i;
      broker_.publish(fmt::format("sensors/wildfire/{}/{}/temperature", late.region, late.sensor),
                      fmt::format(R"({{"event_time":"{}T23:{:02}:30Z","value":{},"seq":{}}})", kDate, i % 60,
                                  late.value, late.seq));
      ledger_.push_back(late);
    }
    sums_ = sums_of(ledger_);
  }
  bool is_archived() {
    return wait_until([&] { return archived("readings").size() == ledger_.size(); });
  }
  /// The archive's rows of a kind, of the day.
  std::vector<nlohmann::json> archived(const std::string& kind) {
    const auto found = run({program("bridge"), "query", "--kind", kind, "--from", kDate, "--to", kMidnight,
                            "--format", "ndjson", "--config", box_.config()});
    std::vector<nlohmann::json> rows;
    std::istringstream lines(found.out);
    for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
    return rows;
  }

  /// The highest revision of each group that was published; fails where one has two contents.
  std::map<Group, nlohmann::json> published() {
    std::map<Group, nlohmann::json> newest;
    std::map<std::string, std::string> contents;
    for (const Received& message : summaries_.received()) {
      const auto payload = message.json();
      const auto revision =
          fmt::format("{} {}", payload["id"].get<std::string>(), payload["revision"].get<int>());
      const std::string& content = contents.try_emplace(revision, message.payload).first->second;
      if (content != message.payload) FAIL("two contents: " << content << "\n" << message.payload);
      auto& best = newest[{payload["group"], payload["metric"]}];
      if (best.is_null() || payload["revision"] > best["revision"]) best = payload;
    }
    return newest;
  }
  std::size_t messages() { return summaries_.received().size(); }
  /// Whether everything that was sent is in what was published.
  bool is_complete() {
    const auto newest = published();
    return newest.size() == sums_.size() && std::ranges::all_of(sums_, [&](const auto& wanted) {
             return newest.contains(wanted.first) && newest.at(wanted.first)["count"] == wanted.second.count;
           });
  }
  void check_published() {
    const auto newest = published();
    REQUIRE(newest.size() == sums_.size());
    for (const auto& [group, wanted] : sums_) {
      CAPTURE(group);
      const auto& found = newest.at(group);
      CHECK(found["count"] == wanted.count);
      CHECK(found["seq_gaps"] == wanted.seq_gaps);
      CHECK(found["sum"].get<double>() == Approx(static_cast<double>(wanted.sum)).epsilon(1e-9));
      // It was not made before the day and the lag were over.
      CHECK(found["watermark"].get<std::string>() >= kMidnight);
    }
  }
  /// Every revision from 0 on is in the archive, and once.
  void check_archived() {
    const auto newest = published();
    REQUIRE(wait_until([&] {
      const auto rows = archived("aggregates");
      std::set<std::pair<std::string, int>> held;
      for (const auto& row : rows) held.emplace(row["id"], row["revision"]);
      return held.size() == rows.size() && std::ranges::all_of(newest, [&](const auto& of_group) {
               for (int revision = 0; revision <= of_group.second["revision"]; ++revision) {
                 if (!held.contains({of_group.second["id"], revision})) return false;
               }
               return true;
             });
    }));
  }
  std::string summarized() {
    return run({program("bridge"), "summarize", "--day", kDate, "--format", "csv", "--topics",
                "sensors/+/north/sensor-000/temperature", "--config", box_.config()})
        .out;
  }

 private:
  Broker broker_;
  Box box_;
  Subscriber summaries_;
  WallClock clock_;
  std::int64_t offset_ = 0;
  std::optional<ChildProcess> bridge_;
  std::vector<LedgerEntry> ledger_;
  std::map<Group, Sums> sums_;  // of the ledger
};

}  // namespace

TEST_CASE("after midnight the day's summary is published, and again when readings come six hours late") {
  Night night;
  night.send_day();
  REQUIRE(night.is_archived());
  CHECK(night.published().empty());
  night.set_clock(4s);
  REQUIRE(wait_until([&] { return night.is_complete(); }));
  night.check_published();
  night.check_archived();
  const auto first = night.published();
  for (const auto& [group, summary] : first) CHECK(summary["revision"] == 0);

  night.set_clock(6h);
  for (int i = 0; i < 3; ++i) night.send_late(i);
  REQUIRE(night.is_archived());
  REQUIRE(wait_until([&] {
    night.move_clock(5s);  // a correction waits ten minutes from when it was noticed
    return night.is_complete();
  }));
  night.check_published();
  night.check_archived();
  for (const auto& [group, summary] : night.published()) {
    const bool is_touched =
        group.second == "temperature" &&
        (group.first == "north/sensor-000" || group.first == "north" || group.first == "_all");
    CHECK(summary["revision"] == (is_touched ? 1 : 0));
    CHECK(summary["closed_by"] == (is_touched ? "late" : "watermark"));
    if (is_touched) CHECK(summary["late"] == 3);
    const auto& before = first.at(group);
    if (is_touched) CHECK(summary["late_arrivals"] == before["late_arrivals"].get<int>() + 3);
  }
  const auto sensor = night.published().at({"north/sensor-000", "temperature"});
  CHECK(night.summarized().find(fmt::format(",{},1,", sensor["count"].get<int>())) != std::string::npos);
}

TEST_CASE("the bridge killed while it summarizes and publishes: nothing is missing, nothing twice") {
  const auto seed = fault_seed();
  std::mt19937_64 random(seed);
  INFO("LOOKOUT_SEED=" << seed);
  Night night;
  night.send_day();
  REQUIRE(night.is_archived());
  night.set_clock(4s);
  for (unsigned i = 0; i < fault_count(4); ++i) {
    // At the first message of a summary that is published, or a little later.
    const std::size_t seen = night.messages();
    REQUIRE(wait_until([&] {
      night.move_clock(5s);
      return night.messages() > seen;
    }));
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 5000});
    night.kill();
    night.start();
    night.send_late(static_cast<int>(i), 10);
  }
  REQUIRE(night.is_archived());
  REQUIRE(wait_until([&] {
    night.move_clock(5s);
    return night.is_complete();
  }));
  night.check_published();
  night.check_archived();
}
