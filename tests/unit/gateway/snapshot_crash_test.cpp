// Snapshots at every operation of the disk behind them: ended there, and found again in each way that a disk
// can be found.
#include <spdlog/spdlog.h>

#include <catch2/catch.hpp>

#include "gateway/snapshot.h"
#include "tests/support/crash_file_system.h"
#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;
using Found = CrashFileSystem::Found;

namespace {

constexpr const char* kConfig =
    "[[input]]\ntopic = \"sensors/{network}/{region}/{sensor}/{metric}\"\ncodec = \"lookout\"\n"
    "[[window]]\nname = \"5m\"\nsize = \"5m\"\n";
const std::filesystem::path kFolder = "/state/gateway";
constexpr std::uint64_t kSnapshots = 4;

Config config() { return parse_config({{{"lookout.toml", kConfig}}}).config; }

/// Takes a snapshot after every reading until the disk ends: the offset of the last one that was done.
std::uint64_t run(CrashFileSystem& disk) {
  MachineRig rig(config());
  Replay replay(config(), "box");
  const SnapshotStore store(kFolder, disk);
  std::uint64_t done = 0;
  for (std::uint64_t offset = 1; offset <= kSnapshots; ++offset) {
    rig.live("north/a", static_cast<std::int64_t>(offset), 1);
    if (!store.write({offset, rig.machine.config(), {}, {}}, rig.machine, replay)) return done;
    done = offset;
  }
  return done;
}

}  // namespace

TEST_CASE("a snapshot that was done is found again, whatever ends where") {
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);
  CrashFileSystem whole;
  REQUIRE(run(whole) == kSnapshots);
  const std::uint64_t operations = whole.operations();
  REQUIRE(operations > 4 * kSnapshots);
  for (std::uint64_t k = 0; k <= operations; ++k) {
    for (const Found how : {Found::kept, Found::dropped, Found::torn}) {
      CrashFileSystem disk;
      disk.stop_at(k);
      const std::uint64_t done = run(disk);
      const auto found = disk.found(how, k);
      const SnapshotStore store(kFolder, *found);
      const auto restored = store.load("box");
      INFO("operation " << k << ", found " << static_cast<int>(how) << ", done " << done);
      REQUIRE(restored.has_value() >= (done > 0));
      if (!restored) continue;
      CHECK(restored->head.offset >= done);
      CHECK(restored->machine.books().received == restored->head.offset);
      // And goes on: two more are taken, and of the two that are there then the newest is found.
      auto [head, machine, replay] = std::move(*store.load("box"));
      for (const std::uint64_t offset : {10U, 11U})
        REQUIRE(store.write({offset, machine.config(), {}, {}}, machine, replay));
      CHECK(store.older() == 10U);
      CHECK(store.load("box")->head.offset == 11);
    }
  }
  spdlog::set_level(level);
}

TEST_CASE("a full disk costs the new snapshot, never one that is there") {
  CrashFileSystem disk;
  MachineRig rig(config());
  Replay replay(config(), "box");
  const SnapshotStore store(kFolder, disk);
  for (const std::uint64_t offset : {1U, 2U})
    REQUIRE(store.write({offset, rig.machine.config(), {}, {}}, rig.machine, replay));
  disk.set_capacity(2 * store.newest_size() + 100);
  const auto refused = store.write({3, rig.machine.config(), {}, {}}, rig.machine, replay);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("snapshot.new") != std::string::npos);
  CHECK(store.load("box")->head.offset == 2);
  disk.set_capacity(1 << 20);
  CHECK(store.write({3, rig.machine.config(), {}, {}}, rig.machine, replay));
  CHECK(store.load("box")->head.offset == 3);
}
