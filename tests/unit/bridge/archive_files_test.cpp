#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// What stands in the archive, in words.
std::string contents(const std::filesystem::path& file) {
  std::string text;
  for (const char* view : {"messages_text", "readings_text", "aggregates_text", "gaps", "series_topics"}) {
    SQLite::Database database(file.string(), SQLite::OPEN_READONLY);
    SQLite::Statement rows(database, fmt::format("SELECT * FROM {} ORDER BY 1, 2", view));
    while (rows.executeStep()) {
      for (int i = 0; i < rows.getColumnCount(); ++i) text += rows.getColumn(i).getString() + '|';
      text += '\n';
    }
  }
  return text;
}

}  // namespace

TEST_CASE("another UTC day begins another file, and the one before is closed") {
  ArchiveFixture box;
  store_three_days(box);
  CHECK(read(box.path()).offsets == "0 1 2 3");
  box.maintain();
  CHECK(box.listing() ==
        "00000000000000000000-2026-11-22.db 00000000000000000002-2026-11-23.db "
        "00000000000000000003-2026-11-24.open.db 00000000000000000003-2026-11-24.open.db-shm "
        "00000000000000000003-2026-11-24.open.db-wal");
  CHECK(read(box.path()).offsets == "0 1 2 3");
  CHECK(read(box.path(), {.kind = RowKind::messages, .axis = TimeAxis::arrival}).offsets == "0 1 2 3");
  CHECK(box.archive->next_offset() == 4);
  box.close();
  box.open();
  CHECK(box.archive->next_offset() == 4);
  CHECK(read(box.path()).offsets == "0 1 2 3");
}

TEST_CASE("a file that is large enough is followed by another") {
  ArchiveFixture box;
  box.config.archive.retention_size = std::uint64_t{16} << 20;
  box.open();
  for (int i = 0; i < 25; ++i) box.store({large()});
  box.maintain();
  const auto files = box.files();
  REQUIRE(files.size() == 3);
  for (const auto& file : files) CHECK(std::filesystem::file_size(file) < std::uint64_t{1200} << 10);
}

TEST_CASE("a clock that was set back begins no other file, one that was set right does") {
  ArchiveFixture box;
  box.store({reading("2026-11-23T11:00:00Z", kDay2)});
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  CHECK(box.files().size() == 1);
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  CHECK(box.files().size() == 2);
}

TEST_CASE("closing a file changes nothing of what is in it") {
  ArchiveFixture box;
  using namespace std::string_literals;
  box.store(
      {reading("2026-11-22T11:00:02Z", kDay1),
       {.payload = R"({"event_time":"2026-11-22T11:00:01Z","value":20,"unit":"Cel","seq":7,"boot":"a1"})"},
       {.topic = "sensors/wild/north/s0/smoke", .payload = R"({"value":1,"seq":7,"boot":"a1"})"},
       {.topic = "plain/wild/north/s1/temperature", .payload = "20.5"},
       {.topic = "lora/wild/ems", .payload = R"({"fcnt":7,"frame":"AQ","at":"2026-11-22T11:00:00Z","t":1})"},
       {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
       {.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction},
       {.payload = "\xff\x00x"s, .retain = true}});
  box.skip(5);
  box.store({{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":20.5,"s":4})"}});
  const std::string before = contents(box.file());
  box.store({reading("2026-11-23T00:00:00Z", kDay2)});
  box.maintain();
  REQUIRE(box.files().front().filename() == "00000000000000000000-2026-11-22.db");
  CHECK(contents(box.files().front()) == before);
  CHECK(before.find("13|14|") == std::string::npos);
  CHECK(ArchiveFixture::ask(box.files().front(), "PRAGMA integrity_check") == "ok");
  CHECK(ArchiveFixture::ask(box.files().front(), "SELECT end_offset FROM file") == "14");
}

TEST_CASE("repeats are found in the files that are not written any more, before and after they are closed") {
  ArchiveFixture box;
  const Sent seq_and_boot{.payload = R"({"value":20.5,"seq":7,"boot":"a1"})"};
  const Sent named{.topic = "lora/wild/ems",
                   .payload = R"({"fcnt":7,"frame":"AQ","at":"2026-11-22T11:59:58Z","t":1})"};
  const Sent result{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  box.store({reading("2026-11-22T11:00:00Z", kDay1), seq_and_boot, named, result});
  box.store({reading("2026-11-23T00:00:00Z", kDay2)});
  if (GENERATE(false, true)) box.maintain();
  if (GENERATE(false, true)) box.open();
  const auto again = [](Sent sent) {
    sent.arrival = "2026-11-23T00:00:01Z";
    return sent;
  };
  Sent later = again(result);
  later.payload = replaced(kAggregate, R"("revision":0)", R"("revision":1)");
  box.store({again(reading("2026-11-22T11:00:00Z", kDay1)), again(seq_and_boot), again(named), again(result),
             again(reading("2026-11-22T11:00:00Z", kDay1, 20.6)), later});
  CHECK(box.ask("SELECT group_concat(offset, ' ') FROM readings") == "4 9");
  CHECK(box.ask("SELECT group_concat(offset, ' ') FROM aggregates") == "10");
  // A day after the first the identities without a time are free again.
  Sent much_later = seq_and_boot, much_later_named = named;
  much_later.arrival = much_later_named.arrival = "2026-11-23T12:00:00.000001Z";
  box.store({much_later, much_later_named});
  CHECK(box.ask("SELECT group_concat(offset, ' ') FROM readings") == "4 9 11 12");
}

TEST_CASE("an epoch is that of the archive, and another archive has another") {
  ArchiveFixture box;
  store_three_days(box);
  const std::uint64_t epoch = box.archive->epoch();
  box.maintain();
  box.open();
  CHECK(box.archive->epoch() == epoch);
  for (const auto& file : box.files())
    CHECK(ArchiveFixture::ask(file, "SELECT epoch FROM file") ==
          std::to_string(static_cast<std::int64_t>(epoch)));
  ArchiveFixture other;
  CHECK(other.archive->epoch() != epoch);
}

TEST_CASE("killed at any step of closing a file: the next start has every row once and closes it") {
  ArchiveFixture box;
  store_three_days(box);
  std::vector<std::unique_ptr<TempFolder>> left;
  const auto leave = [&] {
    std::filesystem::copy(box.path(), left.emplace_back(std::make_unique<TempFolder>())->path() / "archive");
  };
  leave();
  for (bool more = true; more;) {
    more = *box.archive->maintain(std::nullopt);
    leave();
  }
  REQUIRE(left.size() > 10);
  for (const auto& copy : left) {
    const auto path = copy->path() / "archive";
    CHECK(read(path).offsets == "0 1 2 3");
    auto archive = Archive::open(path, {}, 24h);
    REQUIRE(archive);
    CHECK((*archive)->next_offset() == 4);
    while (*(*archive)->maintain(std::nullopt)) {
    }
    CHECK(read(path).offsets == "0 1 2 3");
    CHECK(read(path).missing.damaged.empty());
    std::size_t closed = 0;
    const auto names = list_archive(path);
    for (const auto& name : names.value()) closed += name.sealed ? 1 : 0;
    CHECK(closed == 2);
  }
}

TEST_CASE("killed while the closed file takes the other's place: either is there, nothing twice") {
  ArchiveFixture box;
  store_three_days(box);
  box.close();
  const auto before = box.files().front();
  const TempFolder copy;
  std::filesystem::copy(before, copy / "open");
  box.open();
  box.maintain();
  box.close();
  SECTION("both are there") { std::filesystem::copy(copy / "open", before); }
  SECTION("what was before is gone, its log is not") { spit(before.string() + "-wal", "left"); }
  SECTION("a file was half made") { spit(box.path() / "00000000000000000002.tmp", "half"); }
  CHECK(read(box.path()).offsets == "0 1 2 3");
  box.open();
  CHECK(read(box.path()).offsets == "0 1 2 3");
  CHECK(box.archive->next_offset() == 4);
  box.close();
  CHECK(box.listing() ==
        "00000000000000000000-2026-11-22.db 00000000000000000002-2026-11-23.db "
        "00000000000000000003-2026-11-24.open.db");
}

TEST_CASE("a file whose first batch failed is taken for the next, also on the next day") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  box.begin(kDay2);
  REQUIRE(box.archive->add_message(1, reading("2026-11-23T11:00:00Z", kDay2).view()));
  box.archive->abandon();
  box.store({reading("2026-11-24T11:00:00Z", kDay3)});
  CHECK(box.files().back().filename() == "00000000000000000001-2026-11-23.open.db");
  CHECK(read(box.path()).offsets == "0 1");
  box.maintain();
  CHECK(read(box.path()).offsets == "0 1");
}

TEST_CASE("killed before a new file has tables: it is made again") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1)});
  box.close();
  spit(box.path() / "00000000000000000001-2026-11-23.open.db", "");
  box.open();
  CHECK(box.archive->next_offset() == 1);
  box.store({reading("2026-11-23T11:00:00Z", kDay2)});
  CHECK(read(box.path()).offsets == "0 1");
}

TEST_CASE("rows of several files come in one order, with the limit of one answer") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:05Z", kDay1), reading("2026-11-22T11:00:01Z", kDay1)});
  box.store({reading("2026-11-22T11:00:03Z", kDay2), reading("2026-11-22T11:00:06Z", kDay2)});
  box.store({reading("2026-11-22T11:00:04Z", kDay3), reading("2026-11-22T11:00:01Z", kDay3, 1)});
  if (GENERATE(false, true)) box.maintain();
  CHECK(read(box.path()).offsets == "1 5 2 4 0 3");
  CHECK(read(box.path(), {.limit = 4}).offsets == "1 5 2 4");
  CHECK(read(box.path(), {.axis = TimeAxis::arrival}).offsets == "0 1 2 3 4 5");
  CHECK(read(box.path(), {.from = at("2026-11-22T11:00:03Z"), .to = at("2026-11-22T11:00:06Z")}).offsets ==
        "2 4 0");
  CHECK(read(box.path(), {.from = at("2026-11-22T11:00:03Z"), .topics = "sensors/wild/#"}).offsets ==
        "2 4 0 3");
  CHECK(read(box.path(), {.axis = TimeAxis::arrival, .from = at(kDay2), .topics = "sensors/#"}).offsets ==
        "2 3 4 5");
  CHECK(read(box.path(), {.topics = "plain/#"}).offsets.empty());
}

TEST_CASE("of a series that came on several topics only what came on those asked for is handed out") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1),
             {.topic = "flat/wild/north/s1", .payload = R"({"event_time":"2026-11-22T11:00:01Z","t":20.5})"},
             reading("2026-11-22T11:00:02Z", kDay1)});
  box.store({reading("2026-11-23T00:00:00Z", kDay2)});
  if (GENERATE(false, true)) box.maintain();
  CHECK(read(box.path(), {.topics = "flat/#"}).offsets == "1");
  CHECK(read(box.path(), {.from = at("2026-11-22T11:00:00Z"), .topics = "sensors/#"}).offsets == "0 2 3");
  CHECK(read(box.path(), {.axis = TimeAxis::arrival, .topics = "flat/#"}).offsets == "1");
}

TEST_CASE("ranges and repeats hold around 1970 and for clocks that are years apart") {
  ArchiveFixture box;
  const std::initializer_list<const char*> times{"1969-12-31T23:55:00Z", "1969-12-31T23:59:59.999999Z",
                                                 "1970-01-01T00:00:00Z", "1970-01-01T00:10:00Z",
                                                 "2026-11-22T11:00:00Z", "2040-01-01T00:00:00Z"};
  for (const char* time : times) box.store({reading(time, kDay1), reading(time, kDay1)});
  CHECK(box.count("readings") == "6");
  if (GENERATE(false, true)) {
    box.store({reading("2026-11-23T00:00:00Z", kDay2)});
    box.maintain();
  }
  const auto between = [&](const char* from, const char* to) {
    return read(box.path(), {.from = at(from), .to = at(to), .topics = "sensors/#"}).offsets;
  };
  CHECK(between("1969-12-31T23:55:00Z", "1970-01-01T00:00:00Z") == "0 2");
  CHECK(between("1969-12-31T23:55:00.000001Z", "1970-01-01T00:00:00.000001Z") == "2 4");
  CHECK(between("1970-01-01T00:00:00Z", "2026-11-22T11:00:00Z") == "4 6");
  CHECK(between("1970-01-01T00:05:00Z", "2026-11-22T11:00:00.000001Z") == "6 8");
  CHECK(read(box.path(), {.from = at("2026-12-01T00:00:00Z")}).offsets == "10");
  CHECK(read(box.path(), {.to = at("1969-12-31T23:55:00.000001Z")}).offsets == "0");
}
