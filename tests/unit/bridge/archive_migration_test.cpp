#include "bridge/archive/archive_migration.h"

#include "bridge/archive/archive_reader.h"
#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

namespace {

// Schema 1, as bridges in the field have written it, with its views cut short.
constexpr const char* kSchema1 = R"(
CREATE TABLE messages(
  offset INTEGER PRIMARY KEY,
  arrival_us INTEGER NOT NULL,
  topic TEXT NOT NULL,
  payload ANY NOT NULL,
  flags INTEGER NOT NULL
) STRICT;

CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  network TEXT NOT NULL, region TEXT NOT NULL, sensor TEXT NOT NULL, metric TEXT NOT NULL,
  UNIQUE(network, region, sensor, metric)
) STRICT;
CREATE TABLE readings(
  event_us INTEGER NOT NULL,
  series INTEGER NOT NULL REFERENCES series(id),
  seq INTEGER NOT NULL,
  boot TEXT NOT NULL,
  value REAL NOT NULL,
  nonce INTEGER NOT NULL,
  time_is_arrival INTEGER NOT NULL,
  offset INTEGER NOT NULL REFERENCES messages(offset),
  part INTEGER NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY(event_us, series, seq, boot, value, nonce, time_is_arrival)
) STRICT, WITHOUT ROWID;
CREATE INDEX readings_without_time ON readings(series, boot, seq, value) WHERE time_is_arrival = 1 AND nonce = 0;

CREATE TABLE aggregates(
  offset INTEGER NOT NULL REFERENCES messages(offset),
  id TEXT NOT NULL, revision INTEGER NOT NULL,
  network TEXT NOT NULL, window TEXT NOT NULL, grp TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
  start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, closed_by TEXT NOT NULL,
  count INTEGER NOT NULL, sensors INTEGER NOT NULL,
  sum REAL NOT NULL, mean REAL NOT NULL, min REAL NOT NULL, max REAL NOT NULL, stddev REAL NOT NULL,
  first REAL NOT NULL, last REAL NOT NULL,
  late INTEGER NOT NULL, seq_gaps INTEGER NOT NULL,
  PRIMARY KEY(start_us, id, revision)
) STRICT, WITHOUT ROWID;

CREATE VIEW aggregates_text AS SELECT * FROM aggregates;
PRAGMA user_version = 1;
)";

// A reading with a time, one with seq and boot only, one without identity, and a window's result.
// Microseconds: 1795348800 s is 2026-11-22T12:00:00Z, 1795346400 s is 11:20.
constexpr const char* kRows = R"(
INSERT INTO messages VALUES(0, 1795348800000000, 'sensors/wild/north/s1/temperature', 'a', 0);
INSERT INTO messages VALUES(1, 1795348800000000, 'sensors/wild/north/s1/temperature', 'b', 0);
INSERT INTO messages VALUES(2, 1795348800000000, 'plain/wild/north/s1/temperature', '20.5', 0);
INSERT INTO messages VALUES(3, 1795348800000000, 'aggregates/wild/5m/north/temperature', 'c', 0);
INSERT INTO series VALUES(1, 'wild', 'north', 's1', 'temperature');
INSERT INTO readings VALUES(1795346400000000, 1, -1, '', 20.5, 0, 0, 0, 0, 'Cel');
INSERT INTO readings VALUES(1795348800000000, 1, 7, 'a1', 20.5, 0, 1, 1, 0, 'Cel');
INSERT INTO readings VALUES(1795348800000000, 1, -1, '', 20.5, 131073, 1, 2, 0, '');
INSERT INTO aggregates VALUES(3, 'wild/5m/north/temperature/2026-11-22T11:20:00Z', 0, 'wild', '5m', 'north',
  'temperature', 'Cel', 1795346400000000, 1795346700000000, 'watermark', 100, 10, 2262.0, 22.62, 18.1, 27.4, 1.98,
  22.5, 22.1, 2, 3);
)";

// What the second schema changed.
constexpr const char* kSchema2 = R"(
DROP VIEW aggregates_text;
DROP TABLE aggregates;
CREATE TABLE aggregates(
  offset INTEGER NOT NULL REFERENCES messages(offset),
  id TEXT NOT NULL, revision INTEGER NOT NULL,
  network TEXT NOT NULL, window TEXT NOT NULL, grp TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
  start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, closed_by TEXT NOT NULL,
  count INTEGER NOT NULL, sensors INTEGER NOT NULL, sum REAL NOT NULL,
  mean REAL, min REAL, max REAL, stddev REAL, first REAL, last REAL,
  late INTEGER NOT NULL, seq_gaps INTEGER NOT NULL,
  over INTEGER,
  incomplete INTEGER NOT NULL, retracted INTEGER NOT NULL, historical INTEGER NOT NULL,
  PRIMARY KEY(start_us, id, revision, incomplete)
) STRICT, WITHOUT ROWID;
ALTER TABLE readings ADD COLUMN identity BLOB;
CREATE INDEX readings_by_name ON readings(series, identity) WHERE identity IS NOT NULL;
INSERT INTO messages VALUES(4, 1795348800000000, 'lora/wild/ems', 'd', 0);
INSERT INTO readings VALUES(1795348800000000, 1, -1, '', 21.5, 262145, 0, 4, 0, '', x'00112233445566778899aabbccddeeff');
INSERT INTO messages VALUES(5, 1795348800000000, 'aggregates/wild/5m/north/temperature', 'e', 0);
INSERT INTO aggregates VALUES(5, 'wild/5m/north/temperature/2026-11-22T11:20:00Z', 1, 'wild', '5m', 'north',
  'temperature', 'Cel', 1795346400000000, 1795346700000000, 'late', 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 2, 3,
  7, 1, 1, 1);
PRAGMA user_version = 2;
)";

constexpr const char* kOldAggregate =
    "3 2026-11-22T12:00:00Z wild/5m/north/temperature/2026-11-22T11:20:00Z 0 wild 5m north temperature Cel "
    "2026-11-22T11:20:00Z 2026-11-22T11:25:00Z watermark 100 10 2262.0 22.62 18.1 27.4 1.98 22.5 22.1 2 3 "
    "none000";
constexpr const char* kAggregateText =
    "SELECT offset || ' ' || arrival || ' ' || id || ' ' || revision || ' ' || network || ' ' || window || ' "
    "' || "
    "\"group\" || ' ' || metric || ' ' || unit || ' ' || start || ' ' || \"end\" || ' ' || closed_by || ' ' "
    "|| count || ' ' || sensors || ' ' || sum || ' ' || mean || ' ' || min || ' ' || max || ' ' || stddev || "
    "' ' "
    "|| first || ' ' || last || ' ' || late || ' ' || seq_gaps || ' ' || coalesce(over, 'none') || "
    "incomplete || "
    "retracted || historical FROM aggregates_text WHERE revision = 0";

/// A box with the archive of an earlier version.
class EarlierArchive {
 public:
  explicit EarlierArchive(const std::string& more = "") {
    box.close();
    std::filesystem::remove_all(box.path());
    SQLite::Database database(file().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(kSchema1);
    database.exec(kRows + more);
  }
  [[nodiscard]] std::filesystem::path file() const { return box.folder / "bridge" / "archive.db"; }
  void take_over() {
    const auto taken = take_over_archive(box.path(), box.config.archive);
    if (!taken) throw std::runtime_error(taken.error().text);
    box.open();
  }
  ArchiveFixture box;
};

// Message after message of 100 KiB, an hour apart.
std::string large_messages(int count) {
  return fmt::format(
      "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
      "INSERT INTO messages SELECT i, 1795348800000000 + i * 3600000000, "
      "'sensors/wild/north/s1/temperature', "
      "zeroblob(102400), 0 FROM n;",
      count + 3);
}

}  // namespace

TEST_CASE("an archive of an earlier version is taken over, and its rows stay what they were") {
  EarlierArchive old;
  old.take_over();
  CHECK_FALSE(std::filesystem::exists(old.file()));
  CHECK(old.box.listing() == "00000000000000000000-2026-11-22.db");
  CHECK(old.box.archive->next_offset() == 4);
  CHECK(old.box.ask(kAggregateText) == kOldAggregate);
  CHECK(old.box.ask(
            "SELECT group_concat(offset || ' ' || part || ' ' || event_us || ' ' || r.value || ' ' || u.word "
            "|| ' ' || seq || ' ' || b.word || ' ' || time_is_arrival, ', ') FROM (SELECT * FROM readings "
            "ORDER BY id) r JOIN words u ON u.id = r.unit JOIN words b ON b.id = r.boot") ==
        "0 0 1795346400000000 20.5 Cel -1  0, 1 0 1795348800000000 20.5 Cel 7 a1 1, 2 0 1795348800000000 "
        "20.5  -1  1");
  CHECK(old.box.ask("SELECT group_concat(topic || ' ' || payload, ', ') FROM messages_text") ==
        "sensors/wild/north/s1/temperature a, sensors/wild/north/s1/temperature b, "
        "plain/wild/north/s1/temperature "
        "20.5, aggregates/wild/5m/north/temperature c");
  CHECK(old.box.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("what the second schema held is taken over too") {
  EarlierArchive old(kSchema2);
  old.take_over();
  CHECK(old.box.archive->next_offset() == 6);
  CHECK(old.box.ask("SELECT hex(identity) FROM readings WHERE offset = 4") ==
        "00112233445566778899AABBCCDDEEFF");
  CHECK(old.box.ask("SELECT revision || ' ' || over || incomplete || retracted || historical FROM aggregates "
                    "WHERE mean IS NULL") == "1 7111");
}

TEST_CASE("an archive that was taken over goes on: repeats of old readings, revisions of old windows") {
  EarlierArchive old;
  old.take_over();
  old.box.store({{.payload = R"({"event_time":1795346400,"value":20.5})"},
                 {.payload = R"({"value":20.5,"seq":7,"boot":"a1"})", .arrival = "2026-11-22T12:20:00Z"},
                 {.topic = "plain/wild/north/s1/temperature", .payload = "20.5"},
                 {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
                 {.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction}});
  CHECK(old.box.ask("SELECT group_concat(offset, ' ') FROM readings") == "6");
  CHECK(old.box.ask("SELECT group_concat(offset || ':' || revision, ' ') FROM aggregates") == "8:1");
  CHECK(old.box.recorder->books().duplicate == 2);
}

TEST_CASE("a large archive becomes files of the usual size, by day, also when it is killed in between") {
  EarlierArchive old(large_messages(40));  // the 22nd has 12 hours left
  old.box.config.archive.retention_size = std::uint64_t{16} << 20;
  SECTION("at once") {}
  SECTION("again, when the first files were written") {
    TempFolder copy;
    std::filesystem::copy(old.file(), copy / "archive.db");
    old.take_over();
    old.box.close();
    std::filesystem::copy(copy / "archive.db", old.file());
    const auto files = old.box.files();
    for (std::size_t i = 2; i < files.size(); ++i) std::filesystem::remove(files[i]);
    spit(old.box.path() / "00000000000000000012.tmp", "half");
  }
  old.take_over();
  CHECK(old.box.listing() ==
        "00000000000000000000-2026-11-22.db 00000000000000000012-2026-11-23.db "
        "00000000000000000023-2026-11-23.db 00000000000000000034-2026-11-23.db "
        "00000000000000000036-2026-11-24.db");
  CHECK(old.box.archive->next_offset() == 44);
  std::uint64_t messages = 0;
  for (const auto& file : old.box.files()) {
    messages += std::stoull(ArchiveFixture::ask(file, "SELECT count(*) FROM messages"));
    CHECK(ArchiveFixture::ask(file, "SELECT epoch FROM file") ==
          std::to_string(static_cast<std::int64_t>(old.box.archive->epoch())));
  }
  CHECK(messages == 44);
}

TEST_CASE("a damaged archive of an earlier version is set aside") {
  EarlierArchive old;
  spit(old.file(), std::string(20'000, 'x'));
  old.take_over();
  CHECK_FALSE(std::filesystem::exists(old.file()));
  CHECK(old.box.archive->next_offset() == 0);
}
