#include "bridge/archive.h"

#include <sqlite3.h>
#include <utf8.h>

#include "bridge/archive_guard.h"
#include "bridge/archive_schema.h"
#include "common/journal_format.h"

namespace lookout {
namespace {

constexpr int kBusyTimeoutMs = 5000;

std::int64_t microseconds(Timestamp time) { return time.time_since_epoch().count(); }

// A NUL inside a TEXT is legal, but SQL functions and the sqlite3 shell show only what stands before it.
bool is_text(std::string_view payload) {
  return payload.find('\0') == std::string_view::npos && utf8::is_valid(payload.begin(), payload.end());
}

std::int64_t flags_of(const MessageView& message) {
  return (message.retain ? journal::kFlagRetain : 0) | (message.cut ? journal::kFlagCut : 0);
}

// Offset and part together are unique, so that the key never takes a reading for another one whose identity
// it does not hold.
std::int64_t nonce_of(const Reading& reading, std::uint64_t offset, std::uint16_t part) {
  return reading.identity && !reading.identity_is_by_name
             ? 0
             : static_cast<std::int64_t>((offset << 16) + part + 1);
}

std::int64_t seq_of(const Reading& reading) {
  return reading.seq ? static_cast<std::int64_t>(*reading.seq) : -1;
}

}  // namespace

struct Archive::Statements {
  explicit Statements(const SQLite::Database& database)
      : insert_message(database, "INSERT INTO messages VALUES(?, ?, ?, ?, ?)"),
        insert_series(database,
                      "INSERT INTO series(network, region, sensor, metric) VALUES(?, ?, ?, ?) "
                      "ON CONFLICT DO NOTHING"),
        select_series(database,
                      "SELECT id FROM series WHERE network = ? AND region = ? AND sensor = ? AND metric = ?"),
        select_repeat(database,
                      "SELECT 1 FROM readings INDEXED BY readings_without_time "
                      "WHERE time_is_arrival = 1 AND nonce = 0 AND series = ? AND boot = ? AND seq = ? "
                      "AND value = ? AND event_us BETWEEN ? AND ?"),
        select_named_repeat(database,
                            "SELECT 1 FROM messages n CROSS JOIN readings r INDEXED BY readings_by_name "
                            "CROSS JOIN messages m ON m.offset = r.offset "
                            "WHERE n.offset = ? AND r.series = ? AND r.identity = ? "
                            "AND m.arrival_us BETWEEN n.arrival_us - ? AND n.arrival_us + ?"),
        insert_reading(
            database,
            "INSERT INTO readings(event_us, series, seq, boot, value, nonce, time_is_arrival, "
            "offset, part, unit, identity) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
        insert_aggregate(database, R"(
          INSERT INTO aggregates(offset, id, revision, network, window, grp, metric, unit, start_us, end_us, closed_by,
            count, sensors, sum, mean, min, max, stddev, first, last, late, seq_gaps, over, incomplete, retracted,
            historical)
          VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT DO NOTHING)") {}

  SQLite::Statement insert_message, insert_series, select_series, select_repeat, select_named_repeat,
      insert_reading, insert_aggregate;
  std::string topic, payload;  // SQLiteCpp binds a text by its length only from a std::string
};

Archive::Archive(std::filesystem::path file, Microseconds identity_window)
    : file_(std::move(file)), identity_window_(identity_window) {}

Archive::~Archive() = default;

ArchiveResult<std::unique_ptr<Archive>> Archive::open(const std::filesystem::path& file,
                                                      Microseconds identity_window) {
  std::unique_ptr<Archive> archive(new Archive(file, identity_window));
  auto ready = guarded(file, [&] { return archive->set_up(); });
  if (!ready) return std::unexpected(std::move(ready.error()));
  if (!*ready) return std::unexpected(std::move(ready->error()));
  return archive;
}

ArchiveResult<void> Archive::set_up() {
  database_ = std::make_unique<SQLite::Database>(
      file_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
  const auto schema = schema_of(*database_, file_);
  if (!schema) return std::unexpected(schema.error());
  configure_writer(*database_);
  upgrade_schema(*database_, *schema);
  statements_ = std::make_unique<Statements>(*database_);
  const SQLite::Column newest = database_->execAndGet("SELECT coalesce(max(offset) + 1, 0) FROM messages");
  committed_ = added_ = static_cast<std::uint64_t>(newest.getInt64());
  return {};
}

ArchiveResult<void> Archive::begin() {
  return guarded(file_, [&] { database_->exec("BEGIN IMMEDIATE"); });
}

ArchiveResult<void> Archive::add_message(std::uint64_t offset, const MessageView& message) {
  return guarded(file_, [&] {
    statements_->topic = message.topic;
    statements_->payload = message.payload;
    StatementUse insert(statements_->insert_message);
    insert->bind(1, static_cast<std::int64_t>(offset));
    insert->bind(2, microseconds(message.arrival));
    insert->bindNoCopy(3, statements_->topic);
    if (is_text(message.payload)) {
      insert->bindNoCopy(4, statements_->payload);
    } else {
      insert->bindNoCopy(4, message.payload.data(), static_cast<int>(message.payload.size()));
    }
    insert->bind(5, flags_of(message));
    insert->exec();
    added_ = offset + 1;
  });
}

std::int64_t Archive::find_series(SeriesId id, const Series& series) {
  if (series_ids_.size() <= id) series_ids_.resize(id + 1);
  if (series_ids_[id] != 0) return series_ids_[id];
  const auto bind_names = [&](StatementUse& use) {
    use->bindNoCopy(1, series.network);
    use->bindNoCopy(2, series.region);
    use->bindNoCopy(3, series.sensor);
    use->bindNoCopy(4, series.metric);
  };
  StatementUse insert(statements_->insert_series);
  bind_names(insert);
  insert->exec();
  StatementUse select(statements_->select_series);
  bind_names(select);
  select->executeStep();
  return series_ids_[id] = select->getColumn(0).getInt64();
}

// What the primary key does not see: it begins with the time, and a repeat has another one where the time is
// the arrival, or where each gateway that heard the reading gives its own.
bool Archive::is_repeat(std::uint64_t offset, std::int64_t series, const Reading& reading) {
  if (!reading.identity || reading.identity_has_time) return false;
  if (reading.identity_is_by_name) return is_named_repeat(offset, series, *reading.identity);
  StatementUse select(statements_->select_repeat);
  select->bind(1, series);
  select->bindNoCopy(2, reading.boot);
  select->bind(3, seq_of(reading));
  select->bind(4, reading.value);
  select->bind(5, microseconds(reading.event_time - identity_window_));
  select->bind(6, microseconds(reading.event_time + identity_window_));
  return select->executeStep();
}

bool Archive::is_named_repeat(std::uint64_t offset, std::int64_t series, const Identity& identity) {
  const auto bytes = bytes_of(identity);
  StatementUse select(statements_->select_named_repeat);
  select->bind(1, static_cast<std::int64_t>(offset));
  select->bind(2, series);
  select->bindNoCopy(3, bytes.data(), static_cast<int>(bytes.size()));
  select->bind(4, std::int64_t{identity_window_.count()});
  select->bind(5, std::int64_t{identity_window_.count()});
  return select->executeStep();
}

ArchiveResult<bool> Archive::add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                         const Reading& reading) {
  return guarded(file_, [&] {
    const std::int64_t series_id = find_series(reading.series, series);
    if (is_repeat(offset, series_id, reading)) return false;
    StatementUse insert(statements_->insert_reading);
    insert->bind(1, microseconds(reading.event_time));
    insert->bind(2, series_id);
    insert->bind(3, seq_of(reading));
    insert->bindNoCopy(4, reading.boot);
    insert->bind(5, reading.value);
    insert->bind(6, nonce_of(reading, offset, part));
    insert->bind(7, reading.time_is_arrival ? 1 : 0);
    insert->bind(8, static_cast<std::int64_t>(offset));
    insert->bind(9, static_cast<std::int64_t>(part));
    insert->bindNoCopy(10, reading.unit);
    insert->bind(11);
    const auto identity = bytes_of(reading.identity.value_or(Identity{}));
    if (reading.identity_is_by_name) {
      insert->bindNoCopy(11, identity.data(), static_cast<int>(identity.size()));
    }
    return insert->exec() == 1;
  });
}

ArchiveResult<bool> Archive::add_aggregate(std::uint64_t offset, const AggregateRow& row) {
  return guarded(file_, [&] {
    StatementUse insert(statements_->insert_aggregate);
    int next = 0;
    const auto integer = [&](std::int64_t value) { insert->bind(++next, value); };
    const auto text = [&](const std::string& value) { insert->bindNoCopy(++next, value); };
    const auto optional = [&](const auto& value) {
      value ? insert->bind(++next, *value) : insert->bind(++next);
    };
    integer(static_cast<std::int64_t>(offset));
    text(row.id);
    integer(row.revision);
    for (const auto* name : {&row.network, &row.window, &row.group, &row.metric, &row.unit}) text(*name);
    integer(microseconds(row.start));
    integer(microseconds(row.end));
    text(row.closed_by);
    integer(row.count);
    integer(row.sensors);
    insert->bind(++next, row.sum);
    for (const auto* figure : {&row.mean, &row.min, &row.max, &row.stddev, &row.first, &row.last})
      optional(*figure);
    integer(row.late);
    integer(row.seq_gaps);
    optional(row.over);
    for (const bool flag : {row.incomplete, row.retracted, row.historical}) integer(flag ? 1 : 0);
    return insert->exec() == 1;
  });
}

ArchiveResult<void> Archive::commit() {
  auto committed = guarded(file_, [&] { database_->exec("COMMIT"); });
  if (committed) committed_ = added_;
  return committed;
}

void Archive::abandon() {
  // SQLite has rolled back by itself after some failures; then there is nothing to do.
  if (sqlite3_get_autocommit(database_->getHandle()) == 0) database_->tryExec("ROLLBACK");
  added_ = committed_;
  series_ids_.clear();  // rows of series may have gone with the batch
}

}  // namespace lookout
