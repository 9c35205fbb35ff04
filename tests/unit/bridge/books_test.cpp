// What became of the archive's messages, counted from its files.
#include "bridge/archive/listed_file.h"
#include "bridge/books_command.h"
#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("where nothing was ever forwarded the account is that of the archive") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  auto books = count_books(box.path()).value();
  CHECK(books.offsets == 4);
  CHECK(books.pending == 4);
  CHECK(books.evicted == 0);
  CHECK(books.difference() == 0);
  box.skip(3);  // lost at the journal's end
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  REQUIRE(*box.archive->make_room());
  books = count_books(box.path()).value();
  CHECK(books.offsets == 8);
  CHECK(books.pending == 3);
  CHECK(books.evicted == 2);
  CHECK(books.lost == 3);
  CHECK(books.difference() == 0);
}

TEST_CASE("a damaged file is passed over by the account, and named") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  spit(box.files()[0], "no database at all");
  for (const auto& books : {count_books(box.path()), count_books(box.path(), KafkaCursor{})}) {
    REQUIRE(books);
    CHECK(books->pending == 2);
    CHECK(books->difference() == 2);
    REQUIRE(books->passed_over.size() == 1);
    CHECK_THAT(books->passed_over[0], Catch::Contains(box.files()[0].filename().string()));
  }
}

TEST_CASE("a file that was closed since it was listed is found under its new name") {
  ArchiveFixture box;
  store_three_days(box);
  const auto before = list_archive(box.path()).value();
  box.maintain();
  const auto open = [](const std::filesystem::path& path, bool) -> ArchiveResult<std::string> {
    if (!is_there(path)) return std::unexpected(ArchiveFailure{});
    return path.filename().string();
  };
  CHECK(open_listed(box.path(), before[0], open).value() == "00000000000000000000-2026-11-22.db");
  REQUIRE(*box.archive->make_room());
  CHECK_FALSE(open_listed(box.path(), before[0], open).value());
}
