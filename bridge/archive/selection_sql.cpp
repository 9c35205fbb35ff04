#include "bridge/archive/selection_sql.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>

#include "bridge/archive/sql_values.h"
#include "common/topic_pattern.h"

namespace lookout {
namespace {

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

// Of the last two one is there.
constexpr std::array kMessageColumns{Column{"offset", CellType::integer},
                                     Column{"arrival", CellType::time},
                                     Column{"topic", CellType::text},
                                     Column{"retain", CellType::flag},
                                     Column{"payload", CellType::text, Absent::left_out},
                                     Column{"payload_base64", CellType::text, Absent::left_out}};

// The rows of readings that are wanted are found and sorted before their names and arrivals are looked up:
// fewer and smaller rows to sort, and messages are looked up about in the order in which they lie. CROSS JOIN
// keeps the order of the tables; LIMIT -1 keeps the inner query what it is.
constexpr const char* kReadings =
    "SELECT {time}, r.id, r.id >> 16, m.arrival_us, s.network, s.region, s.sensor, s.metric, r.event_us, "
    "r.value, nullif(u.word, ''), nullif(r.seq, -1), nullif(b.word, '') "
    "FROM (SELECT id, event_us, series, seq, boot, value, unit FROM readings{index}{inner} "
    "ORDER BY {order} LIMIT -1) r "
    "CROSS JOIN messages m ON m.offset = r.id >> 16 CROSS JOIN series s ON s.id = r.series "
    "CROSS JOIN words u ON u.id = r.unit CROSS JOIN words b ON b.id = r.boot{outer}";
constexpr const char* kAggregates =
    "SELECT {time}, r.offset << 16, r.offset, m.arrival_us, r.id, r.revision, r.network, r.window, r.grp, "
    "r.metric, nullif(r.unit, ''), r.start_us, r.end_us, r.closed_by, r.count, r.sensors, r.sum, r.mean, "
    "r.min, "
    "r.max, r.stddev, r.first, r.last, r.late, r.seq_gaps, r.over, r.incomplete, r.retracted, r.historical "
    "FROM aggregates r CROSS JOIN messages m ON m.offset = r.offset{outer}";
constexpr const char* kMessages =
    "SELECT 0, m.offset << 16, m.offset, m.arrival_us, t.topic, m.flags & 1, m.payload, NULL "
    "FROM messages m CROSS JOIN topics t ON t.id = m.topic_id{outer}";

constexpr const char* kWantedTopics = "SELECT id FROM topics WHERE topic_matches(:topics, topic)";

// The stretches of ten minutes by which readings_by_time begins, of those asked for: each found behind the
// last.
constexpr const char* kWantedStretches =
    "WITH RECURSIVE stretch(n) AS (SELECT min(event_us / 600000000) FROM readings "
    "WHERE event_us / 600000000 >= coalesce({from} / 600000000, -9e18) UNION ALL "
    "SELECT (SELECT min(event_us / 600000000) FROM readings WHERE event_us / 600000000 > stretch.n) FROM "
    "stretch "
    "WHERE n <= coalesce({to} / 600000000, 9e18)) SELECT n FROM stretch WHERE n IS NOT NULL";

/// Conditions of one WHERE.
class Where {
 public:
  void require(const std::string& condition) { text_ += (text_.empty() ? " WHERE " : " AND ") + condition; }
  void require_time(const Selection& selection, const char* time) {
    if (selection.from) require(fmt::format("{} >= :from", time));
    if (selection.to) require(fmt::format("{} < :to", time));
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string sql_of_readings(const Selection& selection, bool closed) {
  const bool by_event = selection.axis == TimeAxis::event;
  const bool ranged = by_event && (selection.from || selection.to);
  Where inner, outer;
  if (ranged && !closed) {
    inner.require(
        fmt::format("event_us / 600000000 IN ({})",
                    sql_of_stretches(selection.from ? ":from" : "NULL", selection.to ? ":to" : "NULL")));
  }
  if (by_event) inner.require_time(selection, "event_us");
  if (!by_event) outer.require_time(selection, "m.arrival_us");
  if (!selection.topics.empty()) {
    inner.require(
        fmt::format("series IN (SELECT series FROM series_topics WHERE topic_id IN ({}))", kWantedTopics));
    outer.require(fmt::format("m.topic_id IN ({})", kWantedTopics));
  } else if (ranged) {
    // Of a closed file the key begins with the series, of an open one the index goes on with it.
    inner.require("series IN (SELECT id FROM series)");
  }
  std::string tail = outer.text();
  if (!by_event) tail += " ORDER BY m.arrival_us, r.id";
  return fmt::format(fmt::runtime(kReadings), fmt::arg("time", by_event ? "r.event_us" : "m.arrival_us"),
                     fmt::arg("index", ranged && !closed ? " INDEXED BY readings_by_time" : ""),
                     fmt::arg("inner", inner.text()), fmt::arg("order", by_event ? "event_us, id" : "id"),
                     fmt::arg("outer", tail));
}

std::string sql_of_others(const Selection& selection) {
  const bool messages = selection.kind == RowKind::messages;
  const char* time = messages || selection.axis == TimeAxis::arrival ? "m.arrival_us" : "r.start_us";
  Where outer;
  outer.require_time(selection, time);
  if (!selection.topics.empty()) outer.require(fmt::format("m.topic_id IN ({})", kWantedTopics));
  if (messages)
    return fmt::format(fmt::runtime(kMessages), fmt::arg("outer", outer.text() + " ORDER BY m.offset"));
  return fmt::format(fmt::runtime(kAggregates), fmt::arg("time", time),
                     fmt::arg("outer", fmt::format("{} ORDER BY {}, r.offset", outer.text(), time)));
}

std::string_view text_of(sqlite3_value* value) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void sql_topic_matches(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  sqlite3_result_int(context, topic_matches(text_of(arguments[0]), text_of(arguments[1])) ? 1 : 0);
}

}  // namespace

std::span<const Column> columns_of(RowKind kind) {
  switch (kind) {
    case RowKind::readings:
      return kReadingColumns;
    case RowKind::aggregates:
      return kAggregateColumns;
    case RowKind::messages:
      break;
  }
  return kMessageColumns;
}

std::string sql_of_stretches(const char* from, const char* to) {
  return fmt::format(fmt::runtime(kWantedStretches), fmt::arg("from", from), fmt::arg("to", to));
}

std::string sql_of(const Selection& selection, bool closed) {
  const std::string sql =
      selection.kind == RowKind::readings ? sql_of_readings(selection, closed) : sql_of_others(selection);
  return selection.limit ? sql + " LIMIT :limit" : sql;
}

void bind_selection(SQLite::Statement& statement, const Selection& selection) {
  if (selection.from) statement.bind(":from", sql::value_of(*selection.from));
  if (selection.to) statement.bind(":to", sql::value_of(*selection.to));
  if (!selection.topics.empty()) statement.bind(":topics", selection.topics);
  if (selection.limit) statement.bind(":limit", *selection.limit);
}

void add_topic_matches(SQLite::Database& database) {
  database.createFunction("topic_matches", 2, true, nullptr, sql_topic_matches, nullptr, nullptr, nullptr);
}

}  // namespace lookout
