#include "bridge/archive_reader.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <vector>

#include "bridge/archive_guard.h"
#include "bridge/archive_schema.h"
#include "common/topic_pattern.h"

namespace lookout {
namespace {

constexpr int kBusyTimeoutMs = 5000;

constexpr std::array kReadingColumns{Column{"offset", CellType::integer},  Column{"arrival", CellType::time},
                                     Column{"network", CellType::text},    Column{"region", CellType::text},
                                     Column{"sensor", CellType::text},     Column{"metric", CellType::text},
                                     Column{"event_time", CellType::time}, Column{"value", CellType::number},
                                     Column{"unit", CellType::text},       Column{"seq", CellType::integer},
                                     Column{"boot", CellType::text}};

constexpr std::array kAggregateColumns{
    Column{"offset", CellType::integer},   Column{"arrival", CellType::time},
    Column{"id", CellType::text},          Column{"revision", CellType::integer},
    Column{"network", CellType::text},     Column{"window", CellType::text},
    Column{"group", CellType::text},       Column{"metric", CellType::text},
    Column{"unit", CellType::text},        Column{"start", CellType::time},
    Column{"end", CellType::time},         Column{"closed_by", CellType::text},
    Column{"count", CellType::integer},    Column{"sensors", CellType::integer},
    Column{"sum", CellType::number},       Column{"mean", CellType::number},
    Column{"min", CellType::number},       Column{"max", CellType::number},
    Column{"stddev", CellType::number},    Column{"first", CellType::number},
    Column{"last", CellType::number},      Column{"late", CellType::integer},
    Column{"seq_gaps", CellType::integer}, Column{"over", CellType::integer},
    Column{"incomplete", CellType::flag},  Column{"retracted", CellType::flag},
    Column{"historical", CellType::flag}};

// CROSS JOIN keeps the order of the tables: a range of event time is one stretch of readings, already in
// order.
constexpr const char* kReadings =
    "SELECT r.offset, m.arrival_us, s.network, s.region, s.sensor, s.metric, r.event_us, r.value, "
    "nullif(r.unit, ''), "
    "nullif(r.seq, -1), nullif(r.boot, '') "
    "FROM readings r CROSS JOIN series s ON s.id = r.series CROSS JOIN messages m ON m.offset = r.offset";
constexpr const char* kAggregates =
    "SELECT r.offset, m.arrival_us, r.id, r.revision, r.network, r.window, r.grp, r.metric, nullif(r.unit, "
    "''), "
    "r.start_us, r.end_us, r.closed_by, r.count, r.sensors, r.sum, r.mean, r.min, r.max, r.stddev, r.first, "
    "r.last, "
    "r.late, r.seq_gaps, {} "
    "FROM aggregates r CROSS JOIN messages m ON m.offset = r.offset";
// A reader cannot bring an archive to the newest schema: that of an older bridge is read as it is.
constexpr const char* kSinceSchema2 = "r.over, r.incomplete, r.retracted, r.historical";
constexpr const char* kBeforeSchema2 = "NULL, 0, 0, 0";

std::string sql_of(const Selection& selection, int schema) {
  const bool readings = selection.kind == RowKind::readings;
  const char* time = selection.axis == TimeAxis::arrival ? "m.arrival_us"
                     : readings                          ? "r.event_us"
                                                         : "r.start_us";
  std::string where;
  const auto require = [&](const std::string& condition) {
    where += (where.empty() ? " WHERE " : " AND ") + condition;
  };
  if (selection.from) require(fmt::format("{} >= :from", time));
  if (selection.to) require(fmt::format("{} < :to", time));
  if (!selection.topics.empty()) require("topic_matches(:topics, m.topic)");
  const std::string select =
      readings ? kReadings : fmt::format(kAggregates, schema < 2 ? kBeforeSchema2 : kSinceSchema2);
  return fmt::format("{}{} ORDER BY {}, r.offset{}{}", select, where, time, readings ? ", r.part" : "",
                     selection.limit ? " LIMIT :limit" : "");
}

void bind(SQLite::Statement& statement, const Selection& selection) {
  if (selection.from) statement.bind(":from", std::int64_t{selection.from->time_since_epoch().count()});
  if (selection.to) statement.bind(":to", std::int64_t{selection.to->time_since_epoch().count()});
  if (!selection.topics.empty()) statement.bind(":topics", selection.topics);
  if (selection.limit) statement.bind(":limit", *selection.limit);
}

std::string_view text_of(sqlite3_value* value) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void sql_topic_matches(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  sqlite3_result_int(context, topic_matches(text_of(arguments[0]), text_of(arguments[1])) ? 1 : 0);
}

Cell cell_of(const SQLite::Column& column, CellType type) {
  if (column.isNull()) return std::monostate{};
  switch (type) {
    case CellType::integer:
      return column.getInt64();
    case CellType::number:
      return column.getDouble();
    case CellType::time:
      return Timestamp{Microseconds{column.getInt64()}};
    case CellType::flag:
      return column.getInt64() != 0;
    case CellType::text:
      break;
  }
  const char* text = column.getText();
  return std::string_view(text, static_cast<std::size_t>(column.getBytes()));
}

// What has a meaning of its own in an SQLite URI is written as %hh.
std::string uri_of(const std::filesystem::path& file, const char* mode) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(file).string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      uri += c;
    }
  }
  return uri + mode;
}

}  // namespace

std::span<const Column> columns_of(RowKind kind) {
  if (kind == RowKind::readings) return kReadingColumns;
  return kAggregateColumns;
}

ArchiveReader::ArchiveReader(std::filesystem::path file) : file_(std::move(file)) {}
ArchiveReader::~ArchiveReader() = default;

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return Failure(error
                       ? fmt::format("cannot reach archive '{}': {}", file.string(), error.message())
                       : fmt::format("there is no archive '{}': lookout-bridge run makes it", file.string()));
  }
  std::unique_ptr<ArchiveReader> reader(new ArchiveReader(file));
  auto connected = reader->connect("?mode=ro");
  // Without -wal no bridge is running. Then nothing but the missing right to make a -shm beside the file
  // stands in the way of reading it, as in a copy on a read-only medium: it can be read as a file that does
  // not change.
  if (!connected && !std::filesystem::exists(file.string() + "-wal", error)) {
    connected = reader->connect("?mode=ro&immutable=1");
  }
  if (!connected) return Failure(connected.error());
  return reader;
}

Result<void> ArchiveReader::connect(const char* mode) {
  auto connected = guarded(file_, [&] {
    database_ = std::make_unique<SQLite::Database>(
        uri_of(file_, mode), SQLite::OPEN_READONLY | SQLite::OPEN_URI | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
    return set_up();
  });
  if (!connected) return Failure(connected.error().text);
  return *connected;
}

Result<void> ArchiveReader::set_up() {
  sqlite3_db_config(database_->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // A sort that outgrows the cache goes to a file only when temporary stores may.
  database_->exec(
      "PRAGMA cache_size = -8192; PRAGMA temp_store = FILE; PRAGMA mmap_size = 0;"
      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  database_->createFunction("topic_matches", 2, true, nullptr, sql_topic_matches, nullptr, nullptr, nullptr);
  const auto schema = schema_of(*database_, file_);
  if (!schema) return Failure(schema.error().text);
  if (*schema == 0) return Failure(fmt::format("'{}' is no archive of lookout-bridge", file_.string()));
  schema_ = *schema;
  return {};
}

Result<void> ArchiveReader::read(const Selection& selection, const OnRow& on_row) {
  const auto columns = columns_of(selection.kind);
  const auto done = guarded(file_, [&] {
    SQLite::Statement statement(*database_, sql_of(selection, schema_));
    bind(statement, selection);
    std::vector<Cell> row(columns.size());
    while (statement.executeStep()) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        row[i] = cell_of(statement.getColumn(static_cast<int>(i)), columns[i].type);
      }
      if (!on_row(row)) return;
    }
  });
  if (!done) return Failure(done.error().text);
  return {};
}

}  // namespace lookout
