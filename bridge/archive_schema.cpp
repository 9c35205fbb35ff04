#include "bridge/archive_schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <string>
#include <vector>

namespace lookout {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE messages(
  offset INTEGER PRIMARY KEY,      -- the journal's offset
  arrival_us INTEGER NOT NULL,     -- microseconds UTC since 1970, as all times here
  topic TEXT NOT NULL,
  payload ANY NOT NULL,            -- TEXT where it is UTF-8 without NUL, else BLOB; the bytes are those that came
  flags INTEGER NOT NULL           -- 1 retained, 2 cut at limits.message_size
) STRICT;

CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  network TEXT NOT NULL, region TEXT NOT NULL, sensor TEXT NOT NULL, metric TEXT NOT NULL,
  UNIQUE(network, region, sensor, metric)
) STRICT;

-- The primary key is the identity of a reading, time first: readings of one moment, which come together, lie together.
-- (Measured with 1000 sensors in turn: series first writes 18 times as much to the disk.)
CREATE TABLE readings(
  event_us INTEGER NOT NULL,       -- the arrival where the sensor gave no time
  series INTEGER NOT NULL REFERENCES series(id),
  seq INTEGER NOT NULL,            -- -1 where there is none
  boot TEXT NOT NULL,              -- '' where there is none
  value REAL NOT NULL,
  nonce INTEGER NOT NULL,          -- 0 where the reading has an identity, else different for each
  time_is_arrival INTEGER NOT NULL,
  offset INTEGER NOT NULL REFERENCES messages(offset),
  part INTEGER NOT NULL,           -- index of the reading in its message
  unit TEXT NOT NULL,
  PRIMARY KEY(event_us, series, seq, boot, value, nonce, time_is_arrival)
) STRICT, WITHOUT ROWID;

-- Finds the repeats of readings whose identity is seq and boot: their time, the arrival, is another each time.
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
)";

// From here on a window can be retracted, which leaves it without figures, and a reading's identity can be
// what JSON pointers name. SQLite cannot take NOT NULL from a column: the table is written anew.
constexpr const char* kRevisedWindows = R"(
DROP VIEW aggregates_text;
ALTER TABLE aggregates RENAME TO aggregates_1;
CREATE TABLE aggregates(
  offset INTEGER NOT NULL REFERENCES messages(offset),
  id TEXT NOT NULL, revision INTEGER NOT NULL,
  network TEXT NOT NULL, window TEXT NOT NULL, grp TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
  start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, closed_by TEXT NOT NULL,
  count INTEGER NOT NULL, sensors INTEGER NOT NULL, sum REAL NOT NULL,
  mean REAL, min REAL, max REAL, stddev REAL, first REAL, last REAL,   -- NULL where retracted
  late INTEGER NOT NULL, seq_gaps INTEGER NOT NULL,
  over INTEGER,                    -- NULL where the window has no threshold
  incomplete INTEGER NOT NULL, retracted INTEGER NOT NULL, historical INTEGER NOT NULL,   -- 0 or 1
  PRIMARY KEY(start_us, id, revision, incomplete)
) STRICT, WITHOUT ROWID;
INSERT INTO aggregates
  SELECT offset, id, revision, network, window, grp, metric, unit, start_us, end_us, closed_by, count, sensors, sum,
         mean, min, max, stddev, first, last, late, seq_gaps, NULL, 0, 0, 0
  FROM aggregates_1;
DROP TABLE aggregates_1;

-- 16 bytes where JSON pointers name the identity, else NULL; such rows have a nonce of their own.
ALTER TABLE readings ADD COLUMN identity BLOB;
CREATE INDEX readings_by_name ON readings(series, identity) WHERE identity IS NOT NULL;
)";

/// SQL for a column of microseconds as RFC 3339, also before 1970.
std::string time_text(std::string_view column) {
  const std::string fraction = fmt::format("(({0} % 1000000 + 1000000) % 1000000)", column);
  return fmt::format(
      "strftime('%Y-%m-%dT%H:%M:%S', ({0} - {1}) / 1000000, 'unixepoch') || "
      "CASE {1} WHEN 0 THEN 'Z' ELSE printf('.%06dZ', {1}) END",
      column, fraction);
}

std::string views() {
  return fmt::format(R"(
CREATE VIEW readings_text AS
  SELECT r.offset, {} AS arrival, s.network, s.region, s.sensor, s.metric, {} AS event_time, r.value,
         nullif(r.unit, '') AS unit, nullif(r.seq, -1) AS seq, nullif(r.boot, '') AS boot
  FROM readings r JOIN series s ON s.id = r.series JOIN messages m ON m.offset = r.offset;

CREATE VIEW aggregates_text AS
  SELECT a.offset, {} AS arrival, a.id, a.revision, a.network, a.window, a.grp AS "group", a.metric, a.unit,
         {} AS start, {} AS "end", a.closed_by, a.count, a.sensors, a.sum, a.mean, a.min, a.max, a.stddev,
         a.first, a.last, a.late, a.seq_gaps
  FROM aggregates a JOIN messages m ON m.offset = a.offset;
)",
                     time_text("m.arrival_us"), time_text("r.event_us"), time_text("m.arrival_us"),
                     time_text("a.start_us"), time_text("a.end_us"));
}

std::string revised_windows_view() {
  return fmt::format(R"(
CREATE VIEW aggregates_text AS
  SELECT a.offset, {} AS arrival, a.id, a.revision, a.network, a.window, a.grp AS "group", a.metric, a.unit,
         {} AS start, {} AS "end", a.closed_by, a.count, a.sensors, a.sum, a.mean, a.min, a.max, a.stddev,
         a.first, a.last, a.late, a.seq_gaps, a.over, a.incomplete, a.retracted, a.historical
  FROM aggregates a JOIN messages m ON m.offset = a.offset;
)",
                     time_text("m.arrival_us"), time_text("a.start_us"), time_text("a.end_us"));
}

/// Step n brings a file from schema n to n + 1. Only ever appended to: files written with the earlier ones
/// exist.
const std::vector<std::string>& steps() {
  static const std::vector<std::string> kSteps{kTables + views(), kRevisedWindows + revised_windows_view()};
  return kSteps;
}

}  // namespace

std::filesystem::path archive_path(const std::filesystem::path& state) {
  return state / "bridge" / "archive.db";
}

int newest_schema() { return static_cast<int>(steps().size()); }

ArchiveResult<int> schema_of(SQLite::Database& database, const std::filesystem::path& file) {
  const int schema = database.execAndGet("PRAGMA user_version").getInt();
  if (schema <= newest_schema()) return schema;
  return std::unexpected(ArchiveFailure{
      ArchiveFailure::Kind::broken,
      fmt::format(
          "archive '{}' has schema {}, this lookout-bridge knows schemas up to {}: it needs a newer one",
          file.string(), schema, newest_schema())});
}

void configure_writer(SQLite::Database& database) {
  // The page size counts only before the first page is written.
  database.exec("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL");
  database.exec(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;"
      "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = "
      "0;"
      "PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
      "foreign_keys = ON");
}

void upgrade_schema(SQLite::Database& database, int from) {
  for (int schema = from; schema < newest_schema(); ++schema) {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    database.exec(steps()[static_cast<std::size_t>(schema)]);
    database.exec(fmt::format("PRAGMA user_version = {}", schema + 1));
    transaction.commit();
  }
}

}  // namespace lookout
