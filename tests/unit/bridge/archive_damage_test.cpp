#include <fmt/format.h>
#include <sys/fsuid.h>

#include <fstream>

#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

void overwrite(const std::filesystem::path& file, std::streamoff at, const std::string& bytes) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(at);
  out << bytes;
}

/// This thread may do with files what a user without rights may, also where the test runs as root.
class Unprivileged {
 public:
  Unprivileged() : user_(::setfsuid(kNobody)), group_(::setfsgid(kNobody)) {}
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() {
    ::setfsuid(static_cast<uid_t>(user_));
    ::setfsgid(static_cast<gid_t>(group_));
  }

 private:
  static constexpr unsigned kNobody = 65'534;
  const int user_, group_;
};

}  // namespace

TEST_CASE("a closed file that is damaged is set aside, its offsets are noted, and the rest goes on") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  box.close();
  overwrite(box.files()[1], 0, std::string(4096, 'x'));
  const auto before = read(box.path());
  CHECK(before.offsets == "0 1 3");
  REQUIRE(before.missing.damaged.size() == 1);
  CHECK_THAT(before.missing.damaged.front(), Catch::Contains("00000000000000000002-2026-11-23.db"));
  box.open();
  CHECK_THAT(box.listing(), Catch::Contains("00000000000000000002-2026-11-23.db.corrupt."));
  CHECK(box.archive->next_offset() == 4);
  if (GENERATE(false, true)) box.open();  // killed before anything came
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  const auto after = read(box.path());
  CHECK(after.offsets == "0 1 3 4");
  CHECK(after.missing.damaged.empty());
  CHECK(gaps_of(after) == "corrupt 2-3");
  CHECK(gaps_of(read(box.path(), {.axis = TimeAxis::arrival, .to = at("2026-11-22T23:00:00Z")})).empty());
}

TEST_CASE("an open file that is damaged is set aside, and what comes next says what is missing") {
  ArchiveFixture box;
  store_three_days(box);
  box.close();
  overwrite(box.file(), 100, std::string(9000, 'x'));
  box.open();
  CHECK_THAT(box.listing(), Catch::Contains("00000000000000000003-2026-11-24.open.db.corrupt."));
  CHECK(box.archive->next_offset() == 3);
  const std::uint64_t epoch = box.archive->epoch();
  if (GENERATE(false, true)) box.open();  // killed before anything came
  CHECK(box.archive->epoch() == epoch);
  box.skip(2);
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  CHECK(read(box.path()).offsets == "0 1 2 6");
  CHECK(gaps_of(read(box.path())) == "corrupt 3-6");
}

TEST_CASE("a missing -wal costs what only it held, and that is noted") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  box.open();  // what was written is in the file now
  box.store({reading("2026-11-22T11:00:01Z", kDay1), reading("2026-11-22T11:00:02Z", kDay1)});
  const TempFolder copy;
  const auto file = copy.path() / box.file().filename();
  std::filesystem::copy(box.file(), file);
  auto archive = Archive::open(copy.path(), {}, 24h);
  REQUIRE(archive);
  CHECK((*archive)->next_offset() == 1);
  REQUIRE((*archive)->begin(3, at(kDay1)));
  const Sent next{.payload = "20.5"};
  REQUIRE((*archive)->add_message(3, next.view()));
  REQUIRE((*archive)->commit());
  CHECK(gaps_of(read(copy.path())) == "journal 1-3");
}

// A power cut: sectors of the log that were not synced are there or not, or hold what they held before.
TEST_CASE("a -wal that ends anywhere, or holds anything from there on, costs what came last and no more") {
  constexpr std::size_t kMessages = 20, kPlaces = 40;
  ArchiveFixture box;
  box.store({reading("2026-11-22T10:59:59Z", kDay1)});
  box.open();  // the first one is in the file now
  for (std::size_t i = 1; i < kMessages; ++i)
    box.store({reading(fmt::format("2026-11-22T11:00:{:02}Z", i).c_str(), kDay1)});
  const std::string database = slurp(box.file()), wal = slurp(box.file().string() + "-wal");
  REQUIRE(wal.size() > kMessages * 4096);
  std::set<std::uint64_t> ends;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    const std::size_t kept = wal.size() * place / (kPlaces - 1);
    for (const std::string& rest : {std::string(), std::string(wal.size() - kept, '\0'),
                                    std::string(wal.size() - kept, 'x'), wal.substr(0, wal.size() - kept)}) {
      const TempFolder folder;
      const auto file = folder.path() / box.file().filename();
      spit(file, database);
      spit(file.string() + "-wal", wal.substr(0, kept) + rest);
      INFO(kept << " of " << wal.size() << " bytes, then " << rest.size() << " of " << rest.substr(0, 1));
      auto archive = Archive::open(folder.path(), {}, 24h);
      REQUIRE(archive);
      const std::uint64_t end = (*archive)->next_offset();
      ends.insert(end);
      CHECK(
          ArchiveFixture::ask(file, "SELECT count(*) || ' ' || coalesce(max(offset) + 1, 0) FROM messages") ==
          fmt::format("{0} {0}", end));
      CHECK(ArchiveFixture::ask(file, "PRAGMA integrity_check") == "ok");
      if (kept == wal.size()) CHECK(end == kMessages);
      const Sent next{.payload = "20.5"};
      REQUIRE((*archive)->begin(end, at(kDay1)));
      REQUIRE((*archive)->add_message(end, next.view()));
      REQUIRE((*archive)->commit());
      CHECK(gaps_of(read(folder.path())).empty());
    }
  }
  CHECK(ends.size() == kMessages);  // each of them was the last one left, once
}

TEST_CASE("a closed file that proves damaged when repeats are looked for is set aside") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  const auto file = box.files().front();
  // The page of its readings.
  const auto page =
      std::stoll(ArchiveFixture::ask(file, "SELECT rootpage FROM sqlite_schema WHERE name = 'readings'"));
  overwrite(file, (page - 1) * 4096, std::string(4096, 'x'));
  box.store({reading("2026-11-22T11:00:00Z", kDay3)});
  CHECK(read(box.path()).missing.damaged.size() == 1);
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  CHECK(box.listing().find("00000000000000000000-2026-11-22.db.corrupt.") != std::string::npos);
  CHECK(read(box.path()).offsets == "4 2 3 5");
  CHECK(gaps_of(read(box.path())) == "corrupt 0-2");
}

TEST_CASE("a closed file that somebody could not read is set aside, and the gap noted at once") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  box.archive->set_damaged_aside(2, "bad page");
  box.archive->set_damaged_aside(3, "that of the open file");
  CHECK(read(box.path()).offsets == "0 1 3");
  CHECK(gaps_of(read(box.path())) == "corrupt 2-3");
}

TEST_CASE("an archive that may not be written, or read, is one to be tried again") {
  using std::filesystem::perms;
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  box.close();
  for (const auto& folder : {box.folder.path(), box.folder / "bridge", box.path()})
    std::filesystem::permissions(folder, perms{0755});
  const auto at = GENERATE(0, 1, 2);
  const auto changed = at == 2 ? box.path() : box.file();
  std::filesystem::permissions(changed, perms{at == 0 ? 0444U : at == 1 ? 0000U : 0555U});
  {
    const Unprivileged nobody;
    const auto opened = Archive::open(box.path(), box.config.archive, box.config.time.identity_window);
    REQUIRE_FALSE(opened);
    INFO(opened.error().text);
    CHECK(opened.error().kind == ArchiveFailure::Kind::try_again);
  }
  std::filesystem::permissions(changed, perms{at == 2 ? 0755U : 0644U});
  box.open();
  box.store({reading("2026-11-22T11:00:01Z", kDay1)});
  CHECK(read(box.path()).offsets == "0 1");
}

TEST_CASE("an archive whose folder is gone for a while goes on when it is back, and forgets nothing") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  const auto away = box.folder / "away";
  std::filesystem::rename(box.path(), away);
  for (int i = 0; i < 3; ++i) {
    const auto begun = box.archive->begin(1, at(kDay2));
    REQUIRE_FALSE(begun);
    CHECK(begun.error().kind == ArchiveFailure::Kind::try_again);
    box.archive->abandon();
    CHECK_FALSE(box.archive->maintain(std::nullopt).value_or(false));
  }
  CHECK(box.archive->state().files == 1);
  CHECK(box.archive->state().evicted == 0);
  std::filesystem::rename(away, box.path());
  box.store({reading("2026-11-23T11:00:00Z", kDay2)});
  box.maintain();
  CHECK(read(box.path()).offsets == "0 1");
  CHECK(box.files().size() == 2);
}

TEST_CASE("a closed file that somebody took away is a gap, and holds up nothing") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  std::filesystem::remove(box.files().front());
  box.store({reading("2026-11-22T11:00:00Z", kDay3)});  // the repeat was in it
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  const auto answer = read(box.path());
  CHECK(answer.offsets == "4 2 3 5");
  CHECK(gaps_of(answer) == "corrupt 0-2");
}
