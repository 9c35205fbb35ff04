#include "bridge/archive/archive_schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <string>

namespace lookout {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE file(                 -- one row
  epoch INTEGER NOT NULL,          -- random, the same in all files of one archive
  first_offset INTEGER NOT NULL,   -- no message in here is below
  end_offset INTEGER,              -- all are below; NULL, as the arrivals, while the file is open
  first_arrival_us INTEGER, last_arrival_us INTEGER
) STRICT;

-- Of a closed file: the stretches in which the event times of its readings and the starts of its aggregates' windows lie.
CREATE TABLE coverage(what TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL) STRICT;

CREATE TABLE gaps(                 -- offsets that are not in the archive any more, or never came
  first_offset INTEGER NOT NULL, end_offset INTEGER NOT NULL,
  why TEXT NOT NULL,               -- evicted, corrupt, journal
  from_us INTEGER, to_us INTEGER,  -- arrivals between which they came, where that is known
  noted_us INTEGER NOT NULL,
  PRIMARY KEY(first_offset, end_offset)
) STRICT, WITHOUT ROWID;

CREATE TABLE topics(id INTEGER PRIMARY KEY, topic TEXT NOT NULL) STRICT;

CREATE TABLE messages(
  offset INTEGER PRIMARY KEY,      -- the journal's offset
  arrival_us INTEGER NOT NULL,     -- microseconds UTC since 1970, as all times here
  topic_id INTEGER NOT NULL,
  payload ANY NOT NULL,            -- TEXT where it is UTF-8 without NUL, else BLOB; the bytes are those that came
  flags INTEGER NOT NULL           -- 1 retained, 2 cut at limits.message_size
) STRICT;

CREATE TABLE words(id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;   -- boots and units; 0 is ''
INSERT INTO words VALUES(0, '');

CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  network TEXT NOT NULL, region TEXT NOT NULL, sensor TEXT NOT NULL, metric TEXT NOT NULL,
  UNIQUE(network, region, sensor, metric)
) STRICT;

-- On which topics a series came: a filter of topics finds its series without looking at the readings.
CREATE TABLE series_topics(
  series INTEGER NOT NULL, topic_id INTEGER NOT NULL, PRIMARY KEY(series, topic_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE aggregates(
  offset INTEGER PRIMARY KEY,
  id TEXT NOT NULL, revision INTEGER NOT NULL,
  network TEXT NOT NULL, window TEXT NOT NULL, grp TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
  start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, closed_by TEXT NOT NULL,
  count INTEGER NOT NULL, sensors INTEGER NOT NULL, sum REAL NOT NULL,
  mean REAL, min REAL, max REAL, stddev REAL, first REAL, last REAL,   -- NULL where retracted
  late INTEGER NOT NULL, seq_gaps INTEGER NOT NULL,
  over INTEGER,                    -- NULL where the window has no threshold
  incomplete INTEGER NOT NULL, retracted INTEGER NOT NULL, historical INTEGER NOT NULL   -- 0 or 1
) STRICT;
)";

constexpr const char* kReadings = R"(
CREATE TABLE readings(
  id INTEGER {}NOT NULL,           -- offset * 65536 + part
  offset INTEGER GENERATED ALWAYS AS (id >> 16) VIRTUAL,
  part INTEGER GENERATED ALWAYS AS (id & 65535) VIRTUAL,   -- index of the reading in its message
  event_us INTEGER NOT NULL,       -- the arrival where the sensor gave no time
  series INTEGER NOT NULL,
  seq INTEGER NOT NULL,            -- -1 where there is none
  boot INTEGER NOT NULL,           -- a word
  value REAL NOT NULL,
  time_is_arrival INTEGER NOT NULL,
  unit INTEGER NOT NULL,           -- a word
  identity BLOB{}                  -- 16 bytes where JSON pointers name the identity, else NULL
) STRICT{};
)";

// The last two find repeats of readings whose time is no part of their identity.
constexpr const char* kIndexes = R"(
CREATE INDEX readings_without_time ON readings(series, boot, seq) WHERE time_is_arrival = 1 AND boot <> 0;
CREATE INDEX readings_by_name ON readings(series, identity) WHERE identity IS NOT NULL;
CREATE INDEX aggregates_by_start ON aggregates(start_us, id);
)";
constexpr const char* kIndexesWhileOpen = R"(
CREATE UNIQUE INDEX topics_by_name ON topics(topic);
-- Ten minutes, then the series: what comes together still lies together, and a sensor's day is 144 places.
CREATE INDEX readings_by_time ON readings(event_us / 600000000, series, event_us);
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
CREATE VIEW messages_text AS
  SELECT m.offset, {} AS arrival, t.topic, m.payload, m.flags & 1 AS retained, m.flags >> 1 & 1 AS cut
  FROM messages m JOIN topics t ON t.id = m.topic_id;

CREATE VIEW readings_text AS
  SELECT r.offset, {} AS arrival, s.network, s.region, s.sensor, s.metric, {} AS event_time, r.value,
         nullif(u.word, '') AS unit, nullif(r.seq, -1) AS seq, nullif(b.word, '') AS boot
  FROM readings r JOIN series s ON s.id = r.series JOIN messages m ON m.offset = r.offset
  JOIN words u ON u.id = r.unit JOIN words b ON b.id = r.boot;

CREATE VIEW aggregates_text AS
  SELECT a.offset, {} AS arrival, a.id, a.revision, a.network, a.window, a.grp AS "group", a.metric, a.unit,
         {} AS start, {} AS "end", a.closed_by, a.count, a.sensors, a.sum, a.mean, a.min, a.max, a.stddev,
         a.first, a.last, a.late, a.seq_gaps, a.over, a.incomplete, a.retracted, a.historical
  FROM aggregates a JOIN messages m ON m.offset = a.offset;
)",
                     time_text("m.arrival_us"), time_text("m.arrival_us"), time_text("r.event_us"),
                     time_text("m.arrival_us"), time_text("a.start_us"), time_text("a.end_us"));
}

}  // namespace

ArchiveResult<void> check_schema(SQLite::Database& database, const std::filesystem::path& file) {
  const int schema = database.execAndGet("PRAGMA user_version").getInt();
  if (schema == kArchiveSchema) return {};
  if (schema > kArchiveSchema) {
    return std::unexpected(ArchiveFailure{
        ArchiveFailure::Kind::newer,
        fmt::format(
            "archive '{}' has schema {}, this lookout-bridge knows schemas up to {}: it needs a newer one",
            file.string(), schema, kArchiveSchema)});
  }
  return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::damaged,
                                        fmt::format("'{}' is no file of an archive", file.string())});
}

void configure_writer(SQLite::Database& database) {
  // The page size counts only before the first page is written.
  database.exec("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL");
  database.exec(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;"
      "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -3072; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = "
      "0;"
      "PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
}

void create_tables(SQLite::Database& database, Order order, std::uint64_t epoch, std::uint64_t first_offset) {
  const bool open = order == Order::arrival;
  database.exec(kTables);
  database.exec(fmt::format(kReadings, open ? "PRIMARY KEY " : "",
                            open ? "" : ",\n  PRIMARY KEY(series, event_us, id)",
                            open ? "" : ", WITHOUT ROWID"));
  database.exec(fmt::format("INSERT INTO file(epoch, first_offset) VALUES({}, {})",
                            static_cast<std::int64_t>(epoch), first_offset));
}

void create_indexes(SQLite::Database& database, Order order) {
  if (order == Order::arrival) database.exec(kIndexesWhileOpen);
  database.exec(kIndexes + views());
  database.exec(fmt::format("PRAGMA user_version = {}", kArchiveSchema));
}

}  // namespace lookout
