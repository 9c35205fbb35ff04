#include <fmt/format.h>

#include "common/journal_writer.h"
#include "tests/fault/check_whole.h"
#include "tests/fault/journaled.h"
#include "tests/fault/puback_counter.h"
#include "tests/fault/site.h"
#include "tests/support/small_disk.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kJournal = "[journal]\nsegment = \"1 MiB\"\nlimit = \"1 GiB\"\n";
constexpr const char* kFires =
    "[time]\nlag = \"0s\"\n[[window]]\nname = \"w\"\nsize = \"10s\"\nby = [\"region\"]\n"
    "[[rule]]\nname = \"Fire\"\nwindow = \"w\"\nwhen = \"temperature.mean > 35\"\n";

/// A box whose state is on the small disk, and what its sensors say.
struct Rig {
  explicit Rig(const SmallDisk& small) : disk(small) {
    std::filesystem::create_directory(box.folder() / "conf.d");
    spit(box.folder() / "conf.d" / "1.toml", fmt::format("[box]\nstate = \"{}\"\n", disk.path().string()));
  }
  void read(std::int64_t time, int value) const {
    broker.publish(kTopic, fmt::format(R"({{"event_time":{},"value":{}}})", start + time, value));
  }
  /// Messages of 60 KB until that is so.
  template <typename Condition>
  void publish_until(Condition condition) const {
    for (int i = 0; i < 200 && !condition(); ++i)
      broker.publish("sensors/net/south/b/t", R"({"value":1})" + std::string(60'000, ' '));
    REQUIRE(wait_until(condition));
  }
  [[nodiscard]] auto said(const char* words) const {
    return [this, words] { return box.log("gateway").find(words) != std::string::npos; };
  }
  /// States of the alert as they come now; those that the broker retained are not among them.
  std::vector<std::string> alerts() {
    std::vector<std::string> states;
    for (const auto& message : subscriber.received("alerts/")) {
      if (!message.retain) states.push_back(message.json()["state"]);
    }
    return states;
  }
  [[nodiscard]] nlohmann::json stats() {
    const auto all = subscriber.received("lookout/gateway/");
    return all.empty() ? nlohmann::json::object() : all.back().json();
  }

  static constexpr const char* kTopic = "sensors/net/north/a/temperature";
  const std::int64_t start = std::time(nullptr) / 10 * 10 - 1000;
  const SmallDisk& disk;
  Broker broker;
  Box box{broker.port(), std::string(kJournal) + kFires};
  Subscriber subscriber{broker, {"alerts/#", "lookout/+/+/stats"}};
};

using States = std::vector<std::string>;

// `while_full` is given the site when the gateway has stopped acknowledging.
template <typename Then>
void with_full_disk(Then while_full) {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  PubackCounter pubacks("lookout-gateway-");
  SiteOptions options;
  options.windows_and_rules = kJournal;
  options.overrides = fmt::format("[box]\nstate = \"{}\"\n", disk.path().string());
  options.tap = [&](std::size_t connection, std::string_view bytes) { pubacks.take(connection, bytes); };
  Site site(options);
  // The last of the room may take two snapshots, behind which segments go.
  JournalKeeper journal(disk.path() / "gateway");
  site.load.start("100x");
  site.load.await(10'000);
  // Nothing is acknowledged for two seconds, while the sensors go on.
  std::uint64_t last = 0;
  auto since = std::chrono::steady_clock::now();
  REQUIRE(wait_until(
      [&] {
        disk.fill_up();
        const std::uint64_t count = pubacks.count();
        if (std::exchange(last, count) != count) since = std::chrono::steady_clock::now();
        return last > 0 && std::chrono::steady_clock::now() - since > 2s;
      },
      60s));
  const std::uint64_t at_full = pubacks.count();
  site.load.end();
  const Journaled full = read_journaled(journal.state());
  CHECK(at_full <= full.messages);
  while_full(site);
  CHECK(pubacks.count() == at_full);
  disk.free_space();
  const LedgerReport report = site.settle(site.batch());
  check_whole(report,
              fmt::format("full at {} of {} readings, {} records", at_full, report.readings, full.messages));
  CHECK(pubacks.count() <= read_journaled(journal.state()).messages);
  CHECK(site.box.log("gateway").find("corrupt") == std::string::npos);
  CHECK(site.gateway.stop() == 0);
}

}  // namespace

TEST_CASE("disk full: nothing is acknowledged without a record, and it goes on when there is space") {
  with_full_disk([](Site& site) { CHECK(site.gateway.running()); });
}

TEST_CASE("disk full: killed and started again it stays there, and ends in time when told to") {
  with_full_disk([](Site& site) {
    for (std::size_t starts = 2; starts <= 3; ++starts) {
      site.restart_gateway();
      REQUIRE(wait_until([&] { return site.logged("goes on at offset") == starts; }));
    }
    site.gateway.send(SIGTERM);
    CHECK(site.gateway.wait(5s) == 0);
    site.gateway = site.box.start("gateway", false);
    REQUIRE(wait_until([&] { return site.logged("goes on at offset") == 4; }));
  });
}

TEST_CASE("disk full: alerts and statistics go on, the subscription waits, a start works off the journal") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  Rig rig(disk);
  const auto folder = disk.path() / "gateway";
  ChildProcess gateway = rig.box.start("gateway");
  disk.fill_up();
  rig.publish_until(rig.said("no room for the next segment"));
  rig.read(0, 50);
  rig.read(20, 50);
  CHECK(wait_until([&] { return rig.alerts() == States{"firing"}; }));
  CHECK_FALSE(rig.said("leaves the broker")());
  rig.publish_until(rig.said("leaves the broker"));
  REQUIRE(wait_until([&] {
    return rig.broker.log().find("Client lookout-gateway-test-box-in disconnected") != std::string::npos;
  }));
  rig.read(30, 10);
  rig.read(50, 10);
  CHECK(wait_until([&] { return rig.stats().value("disk_full", false); }));
  CHECK(rig.stats()["journal_full"] == false);
  gateway.send(SIGTERM);
  CHECK(gateway.wait(5s) == 0);

  // As if it had never come so far as to publish anything.
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename() == "cursor" || entry.path().extension() == ".snapshot")
      std::filesystem::remove(entry.path());
  }
  disk.fill_up();
  gateway = rig.box.start("gateway", false);
  CHECK(wait_until([&] { return rig.alerts().size() >= 2; }));
  CHECK(rig.alerts().back() == "firing");
  disk.free_space();
  CHECK(wait_until([&] { return rig.alerts().back() == "resolved"; }));
  CHECK(gateway.stop() == 0);
  CHECK(occurrences(rig.box.log("gateway"), "goes back to the broker") == 1);
}

TEST_CASE("a start on a disk without any room works off the journal and tells alerts") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  Rig rig(disk);
  {
    JournalConfig config;
    config.segment = 1 << 20;
    const auto journal = std::move(*JournalWriter::open(disk.path() / "gateway" / "journal", config));
    for (const int time : {0, 20}) {
      const auto payload = fmt::format(R"({{"event_time":{},"value":50}})", rig.start + time);
      REQUIRE(journal->append({wall_clock_now(), Rig::kTopic, payload}));
    }
    std::string payload(100'000, ' ');
    for (; !payload.empty(); payload.resize(payload.size() / 2)) {
      while (journal->append({wall_clock_now(), "sensors/net/south/b/t", payload})) continue;
    }
  }
  disk.fill_up();
  ChildProcess gateway = rig.box.start("gateway", false);
  CHECK(wait_until([&] { return !rig.alerts().empty() && rig.alerts().back() == "firing"; }));
  CHECK(rig.said("goes on under the configuration before")());
  CHECK(wait_until([&] { return rig.stats().value("disk_full", false); }));
  CHECK(rig.said("a power cut would not be noticed")());
  disk.free_space();
  CHECK(wait_until(rig.said(" subscribed to ")));
  CHECK(wait_until([&] { return !slurp(disk.path() / "gateway" / "running").empty(); }));
  rig.read(30, 10);
  rig.read(50, 10);
  CHECK(wait_until([&] { return rig.alerts().back() == "resolved"; }));
  CHECK(gateway.stop() == 0);
}

TEST_CASE("a journal that fills its disk is trimmed, and the box listens again") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  Rig rig(disk);
  ChildProcess gateway = rig.box.start("gateway");
  rig.publish_until(rig.said("leaves the broker"));
  CHECK(wait_until(rig.said("goes back to the broker")));
  rig.read(0, 50);
  rig.read(20, 50);
  CHECK(wait_until([&] { return rig.alerts() == States{"firing"}; }));
  CHECK(gateway.stop() == 0);
}
