#include "bridge/archive_schema.h"

#include "bridge/archive_reader.h"
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

constexpr const char* kOldAggregate =
    "3 2026-11-22T12:00:00Z wild/5m/north/temperature/2026-11-22T11:20:00Z 0 wild 5m north temperature Cel "
    "2026-11-22T11:20:00Z 2026-11-22T11:25:00Z watermark 100 10 2262.0 22.62 18.1 27.4 1.98 22.5 22.1 2 3";
constexpr const char* kAggregateText =
    "SELECT offset || ' ' || arrival || ' ' || id || ' ' || revision || ' ' || network || ' ' || window || ' "
    "' || "
    "\"group\" || ' ' || metric || ' ' || unit || ' ' || start || ' ' || \"end\" || ' ' || closed_by || ' ' "
    "|| count || "
    "' ' || sensors || ' ' || sum || ' ' || mean || ' ' || min || ' ' || max || ' ' || stddev || ' ' || "
    "first || ' ' || "
    "last || ' ' || late || ' ' || seq_gaps FROM aggregates_text WHERE revision = 0";

/// The fixture's archive, replaced by one of schema 1.
class OldArchive {
 public:
  OldArchive() {
    box.close();
    std::filesystem::remove(box.file());
    SQLite::Database database(box.file().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(kSchema1);
    database.exec(kRows);
  }
  ArchiveFixture box;
};

}  // namespace

TEST_CASE("an archive of schema 1 is brought to the newest, and its rows stay what they were") {
  OldArchive old;
  old.box.open();
  CHECK(old.box.ask("PRAGMA user_version") == std::to_string(newest_schema()));
  CHECK(old.box.archive->next_offset() == 4);
  CHECK(old.box.ask(kAggregateText) == kOldAggregate);
  CHECK(old.box.ask(
            "SELECT coalesce(over, 'none') || incomplete || retracted || historical FROM aggregates_text") ==
        "none000");
  CHECK(old.box.ask("SELECT group_concat(offset || ' ' || event_us || ' ' || value || ' ' || unit || ' ' || "
                    "seq || ' ' || "
                    "boot, ', ') FROM readings") ==
        "0 1795346400000000 20.5 Cel -1 , 2 1795348800000000 20.5  -1 , 1 1795348800000000 20.5 Cel 7 a1");
  CHECK(old.box.ask("SELECT count(*) FROM readings WHERE identity IS NULL") == "3");
  CHECK(old.box.count("messages") == "4");
  CHECK(old.box.ask("PRAGMA integrity_check") == "ok");
  CHECK(old.box.ask("SELECT count(*) FROM pragma_foreign_key_check") == "0");
  CHECK(old.box.ask("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'aggregates%'") ==
        "2");  // table and view
}

TEST_CASE(
    "an archive that was brought to the newest schema goes on: repeats of old readings, revisions of old "
    "windows") {
  OldArchive old;
  old.box.open();
  REQUIRE(old.box.archive->begin());
  std::uint64_t offset = 4;
  for (const Sent& sent :
       {Sent{.payload = R"({"event_time":1795346400,"value":20.5})"},
        Sent{.payload = R"({"value":20.5,"seq":7,"boot":"a1"})", .arrival = "2026-11-22T12:20:00Z"},
        Sent{.topic = "plain/wild/north/s1/temperature", .payload = "20.5"},
        Sent{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
        Sent{.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction}}) {
    REQUIRE(old.box.recorder->record(offset++, sent.view()));
  }
  REQUIRE(old.box.archive->commit());
  CHECK(old.box.ask("SELECT group_concat(offset, ' ') FROM (SELECT offset FROM readings ORDER BY offset)") ==
        "0 1 2 6");
  CHECK(old.box.ask("SELECT group_concat(offset || ':' || revision || ':' || coalesce(mean, 'none'), ' ') "
                    "FROM aggregates") == "3:0:22.62 8:1:none");
}

TEST_CASE("an archive of schema 1 that no bridge has opened since is read as it is") {
  OldArchive old;
  const auto reader = ArchiveReader::open(old.box.file());
  REQUIRE(reader);
  std::vector<Cell> row;
  const auto read = (*reader)->read({.kind = RowKind::aggregates}, [&](std::span<const Cell> cells) {
    row.assign(cells.begin(), cells.end());
    return true;
  });
  REQUIRE(read);
  REQUIRE(row.size() == columns_of(RowKind::aggregates).size());
  CHECK(row[0] == Cell{std::int64_t{3}});
  CHECK(row[15] == Cell{22.62});
  CHECK(row[21] == Cell{std::int64_t{2}});
  CHECK(row[23] == Cell{});
  CHECK(row[24] == Cell{false});
  CHECK(old.box.ask("PRAGMA user_version") == "1");
}
