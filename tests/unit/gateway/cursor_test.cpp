#include "gateway/cursor.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/crash_file_system.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using Found = CrashFileSystem::Found;

namespace {

const std::filesystem::path kFile = "/state/gateway/cursor";
constexpr std::uint64_t kSaves = 7;

/// Keeps the log quiet: of most disks here nothing can be read.
class QuietLog {
 public:
  QuietLog() { spdlog::set_level(spdlog::level::off); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
  ~QuietLog() { spdlog::set_level(before_); }

 private:
  spdlog::level::level_enum before_ = spdlog::get_level();
};

/// What a program that saves cursors 1, 2, 3... got done before the disk ended.
struct Done {
  std::uint64_t tried = 0, saved = 0, synced = 0;
};
Done run(CrashFileSystem& disk, std::uint64_t saves_per_sync) {
  CursorFile file(kFile, disk);
  Done done;
  for (std::uint64_t i = 1; i <= kSaves; ++i) {
    done.tried = i;
    if (!file.save({i, i})) return done;
    done.saved = i;
    if (i % saves_per_sync == 0 && !file.sync()) return done;
    if (i % saves_per_sync == 0) done.synced = i;
  }
  return done;
}

}  // namespace

TEST_CASE("a cursor is read back, a missing or damaged one is the beginning") {
  const TempFolder folder;
  const auto file = folder / "cursor";
  CHECK(load_cursor(file) == Cursor{});
  REQUIRE(CursorFile(file).save({12345678901234, 7}).has_value());
  CHECK(load_cursor(file) == Cursor{12345678901234, 7});
  for (const std::string damaged : {"", "x y"}) {
    spit(file, damaged);
    CHECK(load_cursor(file) == Cursor{});
    REQUIRE(CursorFile(file).save({1, 2}).has_value());
    CHECK(load_cursor(file) == Cursor{1, 2});
  }
}

TEST_CASE(
    "a cursor that was not saved whole gives the one before, and the next ones are saved all the same") {
  const TempFolder folder;
  const auto path = folder / "cursor";
  CursorFile file(path);
  std::string before;
  for (std::uint64_t offset = 1; offset <= 5; ++offset) {
    before = slurp(path);
    REQUIRE(file.save({offset * 1000, offset}));
    REQUIRE(file.sync());
  }
  CHECK(std::filesystem::file_size(path) == 1536);
  const std::string whole = slurp(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] == before[i]) continue;
    std::string torn = whole;
    torn[i] = static_cast<char>(torn[i] ^ 1);
    spit(path, torn);
    CHECK(load_cursor(path) == Cursor{4000, 4});
  }
  REQUIRE(CursorFile(path).save({6000, 6}));
  CHECK(load_cursor(path) == Cursor{6000, 6});
}

TEST_CASE(
    "whatever ends where, a kill finds one of the two last cursors, a power cut none before the synced") {
  const QuietLog quiet;
  for (const std::uint64_t saves_per_sync : {1U, 3U}) {
    CrashFileSystem whole;
    REQUIRE(run(whole, saves_per_sync).saved == kSaves);
    for (std::uint64_t k = 0; k <= whole.operations(); ++k) {
      for (const Found how : {Found::kept, Found::dropped, Found::torn}) {
        CrashFileSystem disk;
        disk.stop_at(k);
        const Done done = run(disk, saves_per_sync);
        const auto found = disk.found(how, k);
        const Cursor cursor = load_cursor(kFile, *found);
        INFO("operation " << k << ", found " << static_cast<int>(how) << ", saved " << done.saved
                          << ", synced " << done.synced << ": " << cursor.offset);
        CHECK(cursor.offset == cursor.index);
        CHECK(cursor.offset <= done.tried);
        CHECK(cursor.offset >= (how == Found::kept ? done.saved : done.synced));
        CursorFile next(kFile, *found);
        REQUIRE(next.save({100, 100}));
        CHECK(load_cursor(kFile, *found).offset == 100);
        REQUIRE(next.sync());
        CHECK(load_cursor(kFile, *found->found(Found::dropped, k)).offset == 100);
      }
    }
  }
}

TEST_CASE("who saves while another syncs never writes over what is synced") {
  const QuietLog quiet;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CrashFileSystem disk;
    disk.stop_at(20 + seed);
    CursorFile file(kFile, disk);
    std::atomic<std::uint64_t> saved = 0, synced = 0;
    {
      const std::jthread syncs([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const std::uint64_t before = saved;
          if (!file.sync()) return;
          synced = before;
        }
      });
      for (std::uint64_t i = 1; file.save({i, i}); ++i) saved = i;
    }
    INFO(seed);
    const Cursor cursor = load_cursor(kFile, *disk.found(Found::torn, seed));
    CHECK(cursor.offset >= synced);
    CHECK(cursor.offset <= saved + 1);
  }
}

TEST_CASE("a cursor is saved where there is no more room") {
  CrashFileSystem disk;
  CursorFile file(kFile, disk);
  REQUIRE(file.save({1, 1}));
  disk.set_capacity(0);
  for (std::uint64_t i = 2; i < 9; ++i) REQUIRE(file.save({i, i}));
  CHECK(load_cursor(kFile, disk) == Cursor{8, 8});
}

TEST_CASE("a cursor that cannot be saved or synced says where") {
  const auto saved = CursorFile("/nonexistent/cursor").save({});
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().find("/nonexistent/cursor") != std::string::npos);
  CrashFileSystem disk;
  CursorFile file(kFile, disk);
  REQUIRE(file.save({1, 1}));
  disk.fail_syncs(true);
  const auto synced = file.sync();
  REQUIRE_FALSE(synced.has_value());
  CHECK(synced.error().find(kFile.string()) != std::string::npos);
  disk.fail_syncs(false);
  CHECK(file.sync());
}
