#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "tests/fault/site.h"
#include "tests/support/ledger.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// A file of the archive is a 128th of what may be kept: 1 MiB, some 6000 readings.
constexpr const char* kSmallFiles = "[archive]\nretention_size = \"128 MiB\"\n";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

using Key = std::tuple<std::string, std::string, double, std::int64_t, double>;

/// A bridge in the field, and sensors that send 4000 readings a second to it.
class BridgeSite {
 public:
  Broker broker;
  Box box;
  Load load{box, broker};

  explicit BridgeSite(const std::string& configuration, const std::filesystem::path& state = {})
      : box(broker.port(), configuration) {
    if (!state.empty()) {
      std::filesystem::create_directory(box.folder() / "conf.d");
      spit(box.folder() / "conf.d" / "1.toml", fmt::format("[box]\nstate = \"{}\"\n", state.string()));
    }
    state_ = state.empty() ? box.state() : state;
    start();
  }

  void start() { bridge_ = box.start("bridge"); }
  void kill() { bridge_->kill(); }
  std::optional<int> stop() { return bridge_->stop(); }
  bool running() { return bridge_->running(); }

  [[nodiscard]] Finished query(const std::string& kind) const {
    return run({program("bridge"), "query", "--config", box.config(), "--kind", kind, "--format", "ndjson"},
               120s);
  }
  [[nodiscard]] std::vector<Key> archived() const {
    std::vector<Key> keys;
    for (const std::string& line : lines_of(query("readings").out)) {
      const auto json = nlohmann::json::parse(line);
      keys.emplace_back(json["sensor"], json["metric"], epoch_of(json["event_time"]), json["seq"],
                        json["value"]);
    }
    std::ranges::sort(keys);
    return keys;
  }
  [[nodiscard]] std::vector<Key> sent() const {
    std::vector<Key> keys;
    for (const LedgerEntry& entry : read_ledger(box.ledger()))
      keys.emplace_back(entry.sensor, entry.metric, entry.event_time, entry.seq, entry.value);
    std::ranges::sort(keys);
    return keys;
  }
  /// Offsets of the messages in the archive.
  [[nodiscard]] std::vector<std::uint64_t> offsets() const {
    std::vector<std::uint64_t> found;
    for (const std::string& line : lines_of(query("messages").out))
      found.push_back(nlohmann::json::parse(line)["offset"]);
    return found;
  }
  /// Whether what was sent last is there; nothing at all may be, for a moment, on a full disk. The files are
  /// read when `status` says so: whoever holds an old one open while it is evicted keeps its room.
  [[nodiscard]] bool has_newest() {
    if (archive_status().value("next_offset", std::uint64_t{0}) < load.acknowledged()) return false;
    const auto found = offsets();
    return !found.empty() && found.back() + 1 >= load.acknowledged();
  }
  [[nodiscard]] std::vector<std::filesystem::path> files(std::string_view end) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(state_ / "bridge" / "archive")) {
      if (entry.path().string().ends_with(end)) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  /// All files but the newest are closed.
  [[nodiscard]] bool is_closed() const { return files(".open.db").size() <= 1 && files(".tmp").empty(); }
  [[nodiscard]] std::string log() const { return box.log("bridge"); }
  [[nodiscard]] std::filesystem::path archive() const { return state_ / "bridge" / "archive"; }
  /// What `lookout-bridge status --json` says of the archive; nothing while its file is written over in
  /// place.
  [[nodiscard]] nlohmann::json archive_status() const {
    const auto finished = run({program("bridge"), "status", "--config", box.config(), "--json"});
    const auto status = nlohmann::json::parse(finished.out, nullptr, false);
    return status.is_object() ? status.at("archive") : nlohmann::json::object();
  }

 private:
  std::filesystem::path state_;
  std::optional<ChildProcess> bridge_;
};

void overwrite(const std::filesystem::path& file, std::streamoff at, std::size_t bytes) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(at);
  out << std::string(bytes, 'x');
}

std::uint64_t lines_in(const Finished& finished) {
  return static_cast<std::uint64_t>(std::ranges::count(finished.out, '\n'));
}

bool rises_by_one(const std::vector<std::uint64_t>& offsets) {
  return std::ranges::adjacent_find(offsets, [](auto a, auto b) { return b != a + 1; }) == offsets.end();
}

void killed_while_files_change(unsigned kills, const std::string& speed) {
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  BridgeSite site(kSmallFiles);
  site.load.start(speed);
  for (unsigned i = 0; i < kills; ++i) {
    site.load.await(std::uniform_int_distribution<std::uint64_t>(200, 4000)(random));
    site.kill();
    site.start();
  }
  site.load.end();
  const std::uint64_t sent = site.load.acknowledged();
  CHECK(wait_until([&] { return lines_in(site.query("readings")) >= sent; }, 120s));
  CHECK(wait_until([&] { return site.is_closed(); }, 60s));
  const auto closed = site.files(".db").size() - 1;
  std::cout << fmt::format("seed {}: killed {} times; {} readings in {} closed files\n", seed, kills, sent,
                           closed);
  INFO("seed " << seed);
  CHECK(closed >= kills / 4);
  CHECK(site.archived() == site.sent());
  CHECK(rises_by_one(site.offsets()));
  CHECK(site.query("messages").err.empty());
  CHECK(site.log().find("corrupt") == std::string::npos);
  CHECK(site.stop() == 0);
}

}  // namespace

TEST_CASE("bridge killed with -9 at random while files are begun and closed: nothing lost or doubled") {
  killed_while_files_change(fault_count(20), "5x");
}

TEST_CASE("bridge killed with -9 two hundred times while files are begun and closed", "[.][long-kills]") {
  killed_while_files_change(fault_count(200), "2x");  // all of it is kept
}

TEST_CASE("whoever asks while files are begun and closed gets everything up to a moment, in order") {
  BridgeSite site(kSmallFiles);
  site.load.start("2x");  // a look reads everything: it must not grow faster than it can be read
  std::size_t before = 0;
  for (int i = 0; i < 15 || site.files(".db").size() < 6; ++i) {
    const auto answer = site.query("messages");
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    REQUIRE((answer.err.empty() || answer.out.empty()));
    std::vector<std::uint64_t> offsets;
    for (const std::string& line : lines_of(answer.out))
      offsets.push_back(nlohmann::json::parse(line)["offset"]);
    REQUIRE(rises_by_one(offsets));
    REQUIRE((offsets.empty() || offsets.front() == 0));
    REQUIRE(offsets.size() >= before);
    before = offsets.size();
    REQUIRE(i < 500);
  }
  site.load.end();
  CHECK(before > 10'000);
  CHECK(site.stop() == 0);
}

TEST_CASE("a full disk: the archive's oldest files make room, and nothing is missing behind them") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  BridgeSite site(std::string(kSmallFiles) + "[journal]\nsegment = \"1 MiB\"\n", disk.path());
  site.load.start("5x");
  // 8 MiB are free: the files of some 40,000 readings.
  site.load.await(80'000);
  site.load.end();
  CHECK(site.running());
  const auto newest_is_there = [&] {
    if (!site.has_newest()) return false;
    const auto archived = site.archived();
    const auto sent = site.sent();
    return !archived.empty() &&
           std::ranges::max(archived, {}, [](const Key& key) { return std::get<3>(key); }) ==
               std::ranges::max(sent, {}, [](const Key& key) { return std::get<3>(key); });
  };
  CHECK(wait_until(newest_is_there, 60s));
  const auto offsets = site.offsets();
  std::cout << fmt::format("{} readings sent; the archive holds offsets {} to {}\n", site.load.acknowledged(),
                           offsets.front(), offsets.back());
  CHECK(offsets.front() > 0);
  CHECK(rises_by_one(offsets));
  CHECK(offsets.back() + 1 >= site.load.acknowledged());
  const auto answer = site.query("readings");
  CHECK(answer.code == 0);
  CHECK(answer.err.empty());
  CHECK(site.stop() == 0);
}

TEST_CASE("a bridge killed on a full disk starts there, and the archive's oldest files make room") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  BridgeSite site(std::string(kSmallFiles) + "[journal]\nsegment = \"1 MiB\"\n", disk.path());
  site.load.start("5x");
  REQUIRE(wait_until([&] { return site.files(".db").size() >= 4 && site.is_closed(); }, 60s));
  site.kill();
  disk.fill_up();
  site.start();
  site.load.await(20'000);
  site.load.end();
  REQUIRE(wait_until([&] { return site.has_newest(); }, 60s));
  CHECK(site.offsets().front() > 0);
  CHECK(rises_by_one(site.offsets()));
  CHECK(site.log().find("corrupt") == std::string::npos);
  CHECK(site.stop() == 0);
}

// Half a segment of readings takes less room in the archive than a segment: it never meets a full disk
// itself.
TEST_CASE("a disk with room for the archive and none for the journal's next segment: oldest files go") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  disk.free_space();
  BridgeSite site(std::string(kSmallFiles) + "[journal]\nsegment = \"4 MiB\"\n", disk.path());
  site.load.start("5x");
  REQUIRE(wait_until([&] { return site.files(".db").size() >= 5 && site.is_closed(); }, 60s));
  site.load.end();
  CHECK(site.stop() == 0);
  std::filesystem::remove(disk.path() / "bridge" / "journal" / "spare");
  disk.give_room(3);
  site.start();
  site.load.start("5x");
  site.load.await(40'000);
  site.load.end();
  REQUIRE(wait_until([&] { return site.has_newest(); }, 60s));
  CHECK(site.offsets().front() > 0);
  CHECK(rises_by_one(site.offsets()));
  CHECK(site.log().find("no room for the next segment") != std::string::npos);
  CHECK(site.stop() == 0);
}

TEST_CASE(
    "a full disk of which nothing may go, for Kafka has it not yet: messages wait, nothing is missing") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  BridgeSite site(
      std::string(kSmallFiles) + "[journal]\nsegment = \"1 MiB\"\n[kafka]\nbrokers = \"127.0.0.1:1\"\n",
      disk.path());
  site.load.start("5x");
  REQUIRE(wait_until([&] { return site.archive_status()["state"] == "held_up"; }, 60s));
  site.load.await(10'000);
  CHECK(site.running());
  disk.free_space();
  site.load.end();
  const std::uint64_t sent = site.load.acknowledged();
  CHECK(wait_until([&] { return lines_in(site.query("readings")) >= sent; }, 60s));
  CHECK(site.archived() == site.sent());
  const auto offsets = site.offsets();
  CHECK(offsets.front() == 0);
  CHECK(rises_by_one(offsets));
  CHECK(wait_until([&] { return site.archive_status()["state"] == "writing"; }));
  CHECK(occurrences(site.log(), "messages wait in the journal; trying on") <= 2);
  CHECK(site.stop() == 0);
}

TEST_CASE(
    "an archive that cannot be written for a while: messages wait, status says why, nothing is missing") {
  BridgeSite site(kSmallFiles);
  site.load.start("5x");
  site.load.await(2000);
  const auto away = site.archive().parent_path() / "away";
  std::filesystem::rename(site.archive(), away);  // the file that is open goes on until it is full
  const auto is_held_up = [&] { return site.archive_status()["state"] == "held_up"; };
  REQUIRE(wait_until(is_held_up, 60s));
  CHECK_THAT(site.archive_status()["error"].get<std::string>(),
             Catch::Contains("unable to open database file"));
  CHECK(site.running());
  site.load.await(2000);
  std::filesystem::rename(away, site.archive());
  site.load.end();
  const std::uint64_t sent = site.load.acknowledged();
  CHECK(wait_until([&] { return lines_in(site.query("readings")) >= sent; }, 60s));
  CHECK(site.archived() == site.sent());
  CHECK(rises_by_one(site.offsets()));
  CHECK(wait_until([&] { return site.archive_status()["state"] == "writing"; }));
  CHECK(occurrences(site.log(), "messages wait in the journal; trying on") == 1);
  CHECK(site.stop() == 0);
}

TEST_CASE(
    "files of the archive damaged while the bridge is down: it starts, says what is gone, and goes on") {
  BridgeSite site(kSmallFiles);
  site.load.start("5x");
  REQUIRE(wait_until([&] { return site.files(".db").size() >= 4 && site.is_closed(); }, 60s));
  site.kill();
  const auto closed = site.files(".db");
  overwrite(closed.at(1), 0, 4096);
  const auto damaged = site.query("readings");
  CHECK(damaged.code == 1);
  CHECK_THAT(damaged.err,
             Catch::Contains(closed.at(1).filename().string()) && Catch::Contains("passed over"));
  CHECK(lines_in(damaged) > 1000);
  SECTION("a closed one") {}
  SECTION("the open one too") { overwrite(site.files(".open.db").front(), 0, 200'000); }
  SECTION("and the -wal of the open one is gone") {
    for (const auto& log : site.files("-wal")) std::filesystem::remove(log);
  }
  site.start();
  site.load.await(10'000);
  site.load.end();
  const std::uint64_t sent = site.load.acknowledged();
  const auto whole = [&] {
    const auto offsets = site.offsets();
    return !offsets.empty() && offsets.back() + 1 >= sent;
  };
  CHECK(wait_until(whole, 60s));
  CHECK(site.files(".db").size() >= 3);
  const auto answer = site.query("messages");
  CHECK(answer.code == 0);
  CHECK_THAT(answer.err, Catch::Contains("their file was damaged"));
  // What is there, and what is said to be missing, is everything.
  std::uint64_t missing = 0;
  for (const std::string& line : lines_of(answer.err)) {
    unsigned long first = 0, last = 0;
    if (std::sscanf(line.c_str(), "lookout-bridge: offsets %lu to %lu are missing", &first, &last) == 2)
      missing += last + 1 - first;
  }
  const auto offsets = site.offsets();
  CHECK(missing > 0);
  CHECK(offsets.size() + missing == offsets.back() + 1);
  CHECK(site.stop() == 0);
}
