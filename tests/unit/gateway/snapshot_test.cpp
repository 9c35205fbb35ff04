#include "gateway/snapshot.h"

#include <xxhash.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>

#include "common/file.h"
#include "tests/support/captured_log.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "5m"
size = "5m"
[[window]]
name = "s"
kind = "session"
gap = "10s"
by = ["region"]
[[rule]]
name = "Fire"
window = "5m"
when = "t.mean > 35"
)";

Config config() {
  const auto loaded = parse_config({{{"lookout.toml", kConfig}}});
  for (const Problem& problem : loaded.problems) FAIL(problem.text());
  return loaded.config;
}

// No replays.
Replay none() { return {config(), "box"}; }

SnapshotHead head_at(std::uint64_t offset, const Machine& machine) {
  return {offset, machine.config(), 7s, {{{3, 1}, {"aggregates/x", "{}", true}}}};
}

}  // namespace

TEST_CASE("what is restored goes on as if nothing had happened") {
  MachineRig rig(config());
  Replay replay = none();
  for (int i = 0; i < 600; ++i) rig.live(fmt::format("north/s{}", i % 3), i, 40 + i % 7);
  rig.live("south/a", 300, 1);
  rig.read("north/s1", 250, 5);  // late: its correction waits
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  REQUIRE(store.write(head_at(12, rig.machine), rig.machine, replay));
  auto restored = store.load("box");
  REQUIRE(restored);
  CHECK(restored->head.offset == 12);
  CHECK(restored->head.config == rig.machine.config());
  CHECK(restored->head.connected == 7s);
  REQUIRE(restored->head.unconfirmed.size() == 1);
  CHECK(restored->head.unconfirmed[0].position == Cursor{3, 1});
  CHECK(restored->head.unconfirmed[0].message.topic == "aggregates/x");

  MachineRig other(std::move(restored->machine));
  other.wall = rig.wall;
  other.connected = rig.connected;
  rig.published.clear();
  for (MachineRig* each : {&rig, &other}) {
    for (int i = 600; i < 1300; ++i) each->live(fmt::format("north/s{}", i % 3), i, 30 + i % 7);
    each->read("north/s2", 599, 40 + 599 % 7);  // a repeat
    each->finish();
  }
  REQUIRE(rig.published.size() > 10);
  REQUIRE(rig.published.size() == other.published.size());
  for (std::size_t i = 0; i < rig.published.size(); ++i) {
    CHECK(rig.published[i].topic == other.published[i].topic);
    CHECK(rig.published[i].payload == other.published[i].payload);
  }
  CHECK(rig.machine.books().duplicate == 1);
  CHECK(other.machine.books().duplicate == 1);
  CHECK(other.machine.books().received == rig.machine.books().received);
}

TEST_CASE("two are kept, the newest counts, one that is damaged gives way to the older") {
  MachineRig rig(config());
  Replay replay = none();
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  CHECK_FALSE(store.older());
  CHECK_FALSE(store.load("box"));
  for (const std::uint64_t offset : {10U, 20U, 30U}) {
    rig.live("north/a", static_cast<std::int64_t>(offset), 1);
    REQUIRE(store.write(head_at(offset, rig.machine), rig.machine, replay));
  }
  CHECK(store.older() == 20U);
  CHECK(std::filesystem::file_size(folder.path() / "00000000000000000030.snapshot") == store.newest_size());
  const auto damage = GENERATE(std::string("flip"), std::string("cut"), std::string("empty"),
                               std::string("zeros"), std::string("other"));
  INFO(damage);
  const auto path = folder.path() / "00000000000000000030.snapshot";
  std::string content = *read_file(path);
  if (damage == "flip") content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  if (damage == "cut") content.resize(content.size() - 1);
  if (damage == "empty") content.clear();
  if (damage == "zeros") content.assign(content.size(), '\0');
  if (damage == "other") content[7] = '9';
  std::ofstream(path, std::ios::binary) << content;
  const auto restored = store.load("box");
  REQUIRE(restored);
  CHECK(restored->head.offset == 20);
  CHECK(restored->machine.books().received == 2);
  CHECK_FALSE(std::filesystem::exists(path));
}

namespace {

/// Writes content as a snapshot that is whole: with the hash of it behind.
void spit_whole(const std::filesystem::path& path, std::string content) {
  const std::uint64_t hash = XXH3_64bits(content.data(), content.size());
  content.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
  spit(path, content);
}

std::string without_hash(const std::filesystem::path& path) {
  const std::string content = slurp(path);
  return content.substr(0, content.size() - sizeof(std::uint64_t));
}

std::pair<std::optional<SnapshotStore::Restored>, std::string> load_with_log(const SnapshotStore& store) {
  const CapturedLog log;
  auto restored = store.load("box");
  return {std::move(restored), log.text()};
}

}  // namespace

TEST_CASE("a snapshot of another version is no damaged one: it is told as such and left where it is") {
  MachineRig rig(config());
  Replay replay = none();
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  for (const std::uint64_t offset : {10U, 20U})
    REQUIRE(store.write(head_at(offset, rig.machine), rig.machine, replay));
  const auto path = folder.path() / "00000000000000000020.snapshot";
  std::string content = without_hash(path);
  std::string said;
  SECTION("another format") {
    content.replace(6, 2, "99");
    said = "it is of version 99 of the format";
  }
  SECTION("a configuration that this version refuses") {
    const std::string known = "size = \"5m\"", other = "size = \"5x\"";
    content.replace(content.find(known), known.size(), other);
    said = "this version does not take the configuration in it: lookout.toml:";
  }
  spit_whole(path, content);
  const auto [restored, log] = load_with_log(store);
  REQUIRE(restored);
  CHECK(restored->head.offset == 10);
  CHECK(std::filesystem::exists(path));
  CHECK_THAT(log, Catch::Contains(said) && Catch::Contains("left where it is"));
  CHECK(log.find("corrupt") == std::string::npos);
}

TEST_CASE("a length that a snapshot cannot have is found before memory is taken for it") {
  MachineRig rig(config());
  Replay replay = none();
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  REQUIRE(store.write(head_at(10, rig.machine), rig.machine, replay));
  const auto path = folder.path() / "00000000000000000010.snapshot";
  std::string content = without_hash(path);
  // Behind magic and offset: how many files the configuration has.
  const std::uint64_t many = std::uint64_t{1} << 40;
  content.replace(16, sizeof(many), reinterpret_cast<const char*>(&many), sizeof(many));
  spit_whole(path, content);
  const auto [restored, log] = load_with_log(store);
  CHECK_FALSE(restored);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_THAT(log, Catch::Contains("a length in it is wrong"));
}

TEST_CASE("numbers that came twice are remembered, and the last one to compare the next with") {
  MachineRig rig(config());
  const auto send = [](MachineRig& to, int value) {
    to.send("north/a/t",
            fmt::format(R"({{"event_time":{},"value":{},"seq":7,"boot":"x"}})", MachineRig::kStart, value));
  };
  rig.pass(60);
  send(rig, 1);
  send(rig, 2);
  Replay replay = none();
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  REQUIRE(store.write(head_at(10, rig.machine), rig.machine, replay));
  auto restored = store.load("box");
  REQUIRE(restored);
  MachineRig again(std::move(restored->machine));
  again.pass(60);
  CHECK(again.machine.seqs().conflicts() == 1);
  send(again, 2);
  CHECK(again.machine.seqs().conflicts() == 1);
  send(again, 3);
  CHECK(again.machine.seqs().conflicts() == 2);
}

TEST_CASE("a snapshot that cannot be written leaves the others alone") {
  MachineRig rig(config());
  Replay replay = none();
  CHECK_FALSE(SnapshotStore("/nonexistent").write(head_at(1, rig.machine), rig.machine, replay));
}

namespace {

/// Starts of windows, in seconds after kStart, by whether they are complete.
std::map<bool, std::set<std::int64_t>> starts(const std::vector<Outgoing>& messages) {
  std::map<bool, std::set<std::int64_t>> found;
  for (const Outgoing& message : messages) {
    const auto json = nlohmann::json::parse(message.payload);
    if (message.topic.starts_with("aggregates/net/5m"))
      found[!json.contains("incomplete")].insert(
          parse_rfc3339(json["start"].get<std::string>())->time_since_epoch() / 1s - MachineRig::kStart);
  }
  return found;
}

}  // namespace

TEST_CASE(
    "a machine that is younger than the broker's session lacks what came before, but not when restored") {
  MachineRig rig(config());
  Replay replay = none();
  rig.pass(400);
  rig.link_up(true);
  for (int i = 300; i < 1300; ++i) rig.live("north/s", i, 1);
  const TempFolder folder;
  const SnapshotStore store(folder.path());
  REQUIRE(store.write(head_at(12, rig.machine), rig.machine, replay));
  MachineRig other(std::move(store.load("box")->machine));
  for (MachineRig* each : {&rig, &other}) {
    each->wall = MachineRig::kStart + 1301;
    each->connected = 1000s;
    each->link_up(true);
    each->finish();
  }
  CHECK(starts(rig.published) ==
        std::map<bool, std::set<std::int64_t>>{{false, {300}}, {true, {600, 900, 1200}}});
  CHECK(starts(other.published) == std::map<bool, std::set<std::int64_t>>{{true, {1200}}});
}

TEST_CASE("a session that is as old as the machine lacks nothing, however often it is resumed") {
  MachineRig rig(config());
  rig.pass(400);
  rig.link_up(false);
  rig.live("north/s", 400, 1);
  rig.pass(100);
  rig.link_up(true);
  rig.finish();
  CHECK(starts(rig.published) == std::map<bool, std::set<std::int64_t>>{{true, {300}}});
}
