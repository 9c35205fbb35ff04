#include "tests/support/small_disk.h"
#include "tests/unit/bridge/archive_days.h"
#include "tests/unit/bridge/own_vfs.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

TEST_CASE("a reader that stays does not stop a file from being closed, only from going") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  SQLite::Database reader(box.file().string(), SQLite::OPEN_READONLY);
  reader.exec("BEGIN");
  reader.execAndGet("SELECT count(*) FROM messages");
  box.store({reading("2026-11-22T11:00:01Z", kDay1)});
  box.store({reading("2026-11-23T11:00:00Z", kDay2)});
  box.maintain();
  // Who waits for a reader has nothing to do at once: the worker would burn a core.
  for (int i = 0; i < 50; ++i) REQUIRE_FALSE(box.archive->maintain(std::nullopt).value());
  CHECK(box.files().front().filename() == "00000000000000000000-2026-11-22.open.db");
  CHECK(read(box.path()).offsets == "0 1 2");
  reader.exec("COMMIT");
  box.maintain();
  CHECK(box.files().front().filename() == "00000000000000000000-2026-11-22.db");
  CHECK(read(box.path()).offsets == "0 1 2");
}

TEST_CASE("retention takes the oldest file when all are too large") {
  ArchiveFixture box;
  box.config.archive.retention_size = std::uint64_t{16} << 20;
  box.open();
  for (int i = 0; i < 250; ++i) {
    box.store({large()});
    box.maintain();
  }
  std::uint64_t bytes = 0;
  for (const auto& file : box.files()) bytes += std::filesystem::file_size(file);
  CHECK(bytes < std::uint64_t{17} << 20);
  CHECK(bytes > std::uint64_t{13} << 20);
  const Archive::State state = box.archive->state();
  CHECK(state.evicted == state.first_offset);
  CHECK(state.evicted > 50);
  CHECK(state.evicted_unforwarded == 0);
  CHECK(state.files == box.files().size());
  CHECK(gaps_of(read(box.path())).empty());
}

TEST_CASE("retention takes what is too old, where the clock can be believed") {
  ArchiveFixture box;
  box.config.archive.retention_age = 48h;
  box.open();
  store_three_days(box);
  box.maintain(std::nullopt);
  CHECK(box.files().size() == 3);
  box.maintain(at("2026-11-25T00:00:00Z"));
  CHECK(box.files().size() == 2);
  box.maintain(at("2027-11-25T00:00:00Z"));
  CHECK(read(box.path()).offsets == "3");  // the open file stays
}

TEST_CASE("what was not forwarded stays, unless the policy says otherwise, and then a gap is noted") {
  ArchiveFixture box;
  box.config.archive.retention_age = 1h;
  const Timestamp later = at("2026-11-30T00:00:00Z");
  store_three_days(box);
  SECTION("it stays") {
    box.open();
    box.archive->set_forwarded(1);
    box.maintain(later);
    CHECK(read(box.path()).offsets == "0 1 2 3");
    box.archive->set_forwarded(2);
    box.maintain(later);
    CHECK(read(box.path()).offsets == "2 3");
    CHECK(gaps_of(read(box.path())).empty());
  }
  SECTION("it goes") {
    box.config.archive.evict_unforwarded = true;
    box.open();
    box.archive->set_forwarded(1);
    box.maintain(later);
    CHECK(box.archive->state().evicted == 3);
    CHECK(box.archive->state().evicted_unforwarded == 2);
    const auto answer = read(box.path());
    CHECK(answer.offsets == "3");
    CHECK(gaps_of(answer) == "evicted 1-2evicted 2-3");
    REQUIRE(answer.missing.gaps.front().times);
    CHECK(answer.missing.gaps.front().times->from == at(kDay1));
  }
}

TEST_CASE("room is made by the oldest file that may go") {
  ArchiveFixture box;
  store_three_days(box);
  box.archive->set_forwarded(2);
  CHECK(*box.archive->make_room());
  CHECK_FALSE(*box.archive->make_room());
  CHECK(read(box.path()).offsets == "2 3");
}

TEST_CASE("on a full disk a file that is half made goes first, and is not begun again before there is room") {
  ArchiveFixture box;
  store_three_days(box);
  REQUIRE(*box.archive->maintain(std::nullopt));
  REQUIRE(box.listing().find(".tmp") != std::string::npos);
  CHECK(*box.archive->make_room());
  CHECK(box.listing().find(".tmp") == std::string::npos);
  box.maintain();
  CHECK(read(box.path()).offsets == "0 1 2 3");
  CHECK(box.listing().find("00000000000000000002-2026-11-23.open.db") != std::string::npos);
  CHECK(*box.archive->make_room());
  box.maintain();
  CHECK(read(box.path()).offsets == "2 3");
  CHECK(box.listing().find("00000000000000000002-2026-11-23.db") != std::string::npos);
}

TEST_CASE("a reader who stays does not let the log grow: the file ends, and the next has a log of its own") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  SQLite::Database reader(box.file().string(), SQLite::OPEN_READONLY);
  reader.exec("BEGIN");
  reader.execAndGet("SELECT count(*) FROM messages");
  std::uintmax_t largest = 0;
  for (int i = 0; i < 600; ++i) {  // 60 MB
    box.store({large()});
    box.maintain();
    for (const auto& entry : std::filesystem::directory_iterator(box.path())) {
      if (entry.path().string().ends_with("-wal")) largest = std::max(largest, entry.file_size());
    }
  }
  CHECK(largest > std::uintmax_t{16} << 20);
  CHECK(largest <= std::uintmax_t{32} << 20);
  CHECK(box.files().size() == 2);  // the second has no reader
  reader.exec("COMMIT");
  box.maintain();
  CHECK(box.files().front().filename() == "00000000000000000000-2026-11-22.db");
  CHECK(ArchiveFixture::ask(box.files().front(), "SELECT count(*) FROM messages") != "601");
  CHECK(box.archive->next_offset() == 601);
}

TEST_CASE("a file that retention cannot remove is counted when it is gone, and its gap noted once") {
  ArchiveFixture box;
  box.config.archive.retention_age = 1h;
  box.config.archive.evict_unforwarded = true;
  store_three_days(box);
  box.open();
  box.maintain();
  const Timestamp later = at("2026-11-30T00:00:00Z");
  const std::string in_the_way = box.files().front().string() + "-wal";
  std::filesystem::create_directory(in_the_way);
  for (std::uint64_t forwarded = 0; forwarded < 2; ++forwarded) {
    box.archive->set_forwarded(forwarded);
    const auto removed = box.archive->maintain(later);
    REQUIRE(!removed);
    CHECK(removed.error().may_pass());
    CHECK(box.archive->state().evicted == 0);
    CHECK(box.archive->state().evicted_unforwarded == 0);
  }
  std::filesystem::remove(in_the_way);
  CHECK(*box.archive->maintain(later));
  CHECK(box.archive->state().evicted == 2);
  CHECK(box.archive->state().evicted_unforwarded == 1);
  CHECK(gaps_of(read(box.path())) == "evicted 0-2");
}

namespace {

/// While it is there, a folder takes the place of a -wal that is removed: it cannot be removed once more.
class LogStays : public OwnVfs {
 public:
  LogStays() : OwnVfs([](sqlite3_vfs& vfs) { vfs.xDelete = remove; }) {}

 private:
  static int remove(sqlite3_vfs*, const char* name, int sync) {
    const int done = usual().xDelete(&usual(), name, sync);
    if (std::string_view(name).ends_with(".open.db-wal")) std::filesystem::create_directory(name);
    return done;
  }
};

}  // namespace

TEST_CASE("a sealing whose last steps fail is ended later, and does not end the bridge") {
  ArchiveFixture box;
  store_three_days(box);
  {
    const LogStays log;
    auto more = box.archive->maintain(std::nullopt);
    while (more && *more) more = box.archive->maintain(std::nullopt);
    REQUIRE(!more);
    CHECK(more.error().may_pass());
    more = box.archive->maintain(std::nullopt);
    INFO((more ? "" : more.error().text));
    CHECK((!more && more.error().may_pass()));
  }
  for (const auto& entry : std::filesystem::directory_iterator(box.path())) {
    if (entry.is_directory()) std::filesystem::remove(entry.path());
  }
  box.maintain();
  CHECK(box.listing().find(".tmp") == std::string::npos);
  CHECK(box.listing().find("00000000000000000000-2026-11-22.db") != std::string::npos);
  CHECK(box.listing().find("00000000000000000000-2026-11-22.open") == std::string::npos);
  CHECK(read(box.path()).offsets == "0 1 2 3");
}

TEST_CASE("on a full disk a damaged oldest file does not stand in the way of those that may go") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  box.archive->set_forwarded(3);
  // The gap cannot be noted while the disk is full, so the damaged file stays where it is.
  {
    SQLite::Database writer(box.file().string(), SQLite::OPEN_READWRITE);
    writer.exec("BEGIN IMMEDIATE");
    box.archive->set_damaged_aside(0, "broken");
    REQUIRE(box.files().size() == 3);
    CHECK(*box.archive->make_room());
  }
  CHECK(box.files().size() == 2);
  CHECK_FALSE(*box.archive->make_room());
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  const auto answer = read(box.path());
  CHECK(answer.offsets == "3 4");
  CHECK(gaps_of(answer) == "corrupt 0-2");
}

TEST_CASE("an archive that keeps more than it may, since it is not forwarded, says so") {
  ArchiveFixture box;
  box.config.archive.retention_size = std::uint64_t{16} << 20;
  box.open();
  box.archive->set_forwarded(0);
  for (int i = 0; i < 200; ++i) {
    box.store({large()});
    box.maintain();
    CHECK(box.archive->state().keeps_unforwarded == (box.archive->state().bytes > std::uint64_t{16} << 20));
  }
  CHECK(box.archive->state().evicted == 0);
  CHECK(box.archive->state().keeps_unforwarded);
  box.archive->set_forwarded(200);
  box.maintain();
  CHECK_FALSE(box.archive->state().keeps_unforwarded);
}

TEST_CASE("an archive is opened on a full disk: the oldest files make room, where they may go") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  ArchiveFixture box(disk.path());
  store_three_days(box);
  box.maintain();
  const std::uint64_t epoch = box.archive->epoch();
  box.close();
  disk.fill_up();
  const auto open = [&](std::uint64_t forwarded) {
    return Archive::open(box.path(), box.config.archive, 24h, [=](std::uint64_t of) {
      CHECK(of == epoch);
      return forwarded;
    });
  };
  const auto refused = open(0);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ArchiveFailure::Kind::disk_full);
  CHECK(box.files().size() == 3);
  const auto opened = open(2);
  REQUIRE(opened);
  CHECK((*opened)->epoch() == epoch);
  CHECK((*opened)->next_offset() == 4);
  CHECK(read(box.path()).offsets == "2 3");
}

TEST_CASE("on a full disk the open file ends early, where there is no other that may go") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  ArchiveFixture box(disk.path());
  box.begin();
  for (int i = 0; i < 30; ++i) box.add({large()});
  box.commit();
  const std::uint64_t epoch = box.archive->epoch();
  disk.fill_up();
  box.archive->set_forwarded(29);
  CHECK_FALSE(*box.archive->make_room());
  CHECK(box.files().size() == 1);
  box.archive->set_forwarded(30);
  CHECK(*box.archive->make_room());
  CHECK(box.files().empty());
  CHECK(box.archive->state().evicted == 30);
  CHECK_FALSE(*box.archive->make_room());
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  CHECK(read(box.path()).offsets == "30");
  CHECK(box.archive->epoch() == epoch);
}

TEST_CASE("files go from a full disk one by one, and no more where that made no room") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  ArchiveFixture box(disk.path());
  store_three_days(box);
  box.maintain();
  SECTION("it did") {
    CHECK(*box.archive->make_room());
    CHECK(*box.archive->make_room());
    CHECK(read(box.path()).offsets == "3");
  }
  SECTION("somebody holds it open") {
    const std::ifstream reader(box.files().front());
    CHECK(*box.archive->make_room());
    CHECK_FALSE(*box.archive->make_room());
    CHECK(read(box.path()).offsets == "2 3");
  }
}

TEST_CASE("on a full disk files that are not sealed yet can be read") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  ArchiveFixture box(disk.path());
  store_three_days(box);
  disk.fill_up();
  CHECK(read(box.path()).offsets == "0 1 2 3");
}
