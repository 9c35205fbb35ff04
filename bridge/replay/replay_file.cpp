#include "bridge/replay/replay_file.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/selection_sql.h"
#include "bridge/archive/sql_values.h"
#include "common/journal_format.h"

namespace lookout {
namespace {

// Of a closed file the key begins with the series; of one that is still written an index begins with ten
// minutes and the series: neither finds a time without naming the series.
constexpr const char* kReadings =
    "SELECT event_us, id >> 16 FROM readings{index} WHERE {stretches}series IN ({series}) "
    "AND event_us >= :from AND event_us < :to AND (event_us > :at OR id > :id) AND id < :end "
    "ORDER BY event_us, id LIMIT :limit";
constexpr const char* kAllSeries = "SELECT id FROM series";
constexpr const char* kWantedSeries =
    "SELECT series FROM series_topics WHERE topic_id IN (SELECT id FROM topics WHERE is_wanted(topic))";
constexpr const char* kMessages =
    "SELECT m.offset, m.arrival_us, t.topic, m.payload, m.flags FROM messages m "
    "CROSS JOIN topics t ON t.id = m.topic_id WHERE ";
constexpr const char* kArrived =
    "m.offset >= :first AND m.offset < :end AND m.arrival_us >= :from AND m.arrival_us < :to";
constexpr std::uint64_t kParts = 0xffff;

// By the key of a closed file the newest reading of a series is found at once; one that is still written is
// read through in the order of its messages.
constexpr const char* kNewestClosed =
    "SELECT s.network, s.region, s.sensor, (SELECT r.event_us FROM readings r CROSS JOIN messages m "
    "ON m.offset = r.id >> 16 WHERE r.series = s.id AND r.event_us <= m.arrival_us + :future AND r.id < :end "
    "ORDER BY r.event_us DESC LIMIT 1), (SELECT arrival_us FROM messages WHERE offset = "
    "(SELECT max(id) FROM readings r WHERE r.series = s.id AND r.id < :end) >> 16) AS arrived "
    "FROM series s WHERE arrived IS NOT NULL";
constexpr const char* kNewestOpen =
    "SELECT s.network, s.region, s.sensor, n.event_us, n.arrival_us FROM (SELECT r.series AS series, "
    "max(CASE WHEN r.event_us <= m.arrival_us + :future THEN r.event_us END) AS event_us, "
    "max(m.arrival_us) AS arrival_us FROM readings r CROSS JOIN messages m ON m.offset = r.id >> 16 "
    "WHERE r.id < :end GROUP BY r.series) n CROSS JOIN series s ON s.id = n.series";

void sql_is_wanted(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  const auto& filter = *static_cast<const TopicFilter*>(sqlite3_user_data(context));
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const auto length = static_cast<std::size_t>(sqlite3_value_bytes(arguments[0]));
  sqlite3_result_int(context, filter.wants({bytes ? bytes : "", length}) ? 1 : 0);
}

void add_is_wanted(SQLite::Database& database, const TopicFilter& filter) {
  database.createFunction("is_wanted", 1, false, const_cast<TopicFilter*>(&filter), sql_is_wanted, nullptr,
                          nullptr, nullptr);
}

std::string sql_of_readings(bool closed, const TopicFilter& filter) {
  return fmt::format(fmt::runtime(kReadings), fmt::arg("index", closed ? "" : " INDEXED BY readings_by_time"),
                     fmt::arg("stretches", closed ? ""
                                                  : fmt::format("event_us / 600000000 IN ({}) AND ",
                                                                sql_of_stretches(":from", ":to"))),
                     fmt::arg("series", filter.narrows() ? kWantedSeries : kAllSeries));
}

std::string_view bytes_of(const SQLite::Column& column) {
  const auto* bytes = static_cast<const char*>(column.getBlob());
  return {bytes ? bytes : "", static_cast<std::size_t>(column.getBytes())};
}

/// A row of kMessages; its texts are valid until the next step.
MessageView view_of(SQLite::Statement& row) {
  const std::int64_t flags = row.getColumn(4).getInt64();
  return {.arrival = sql::time_of(row.getColumn(1)),
          .topic = sql::text_of(row.getColumn(2)),
          .payload = bytes_of(row.getColumn(3)),
          .retain = (flags & journal::kFlagRetain) != 0,
          .cut = (flags & journal::kFlagCut) != 0};
}

ReplayMessage message_of(Timestamp at, std::uint64_t offset, const MessageView& view) {
  return {.at = at,
          .offset = offset,
          .arrival = view.arrival,
          .topic = std::string(view.topic),
          .payload = std::string(view.payload),
          .retain = view.retain,
          .cut = view.cut};
}

void bind_arrived(SQLite::Statement& statement, std::uint64_t first, std::uint64_t end,
                  const TimeRange& range) {
  statement.bind(":first", sql::value_of(first));
  statement.bind(":end", sql::value_of(end));
  statement.bind(":from", sql::value_of(range.from));
  statement.bind(":to", sql::value_of(range.to));
}

/// Which messages of a file have readings, from its first offset on.
std::vector<bool> dated_messages(SQLite::Database& database, std::uint64_t first) {
  std::vector<bool> dated;
  SQLite::Statement rows(database, "SELECT id >> 16 FROM readings");
  while (rows.executeStep()) {
    const std::size_t index = sql::offset_of(rows.getColumn(0)) - first;
    if (index >= dated.size()) dated.resize(std::max(index + 1, dated.size() * 2));
    dated[index] = true;
  }
  return dated;
}

}  // namespace

ReplayFile::ReplayFile(std::filesystem::path path, bool closed, std::unique_ptr<SQLite::Database> database)
    : path_(std::move(path)), closed_(closed), database_(std::move(database)) {}
ReplayFile::ReplayFile(ReplayFile&&) noexcept = default;
ReplayFile::~ReplayFile() = default;

ArchiveResult<ReplayFile> ReplayFile::open(const std::filesystem::path& path, bool closed) {
  auto database = open_read_only(path, closed);
  if (!database) return std::unexpected(std::move(database.error()));
  const auto known = guarded(path, [&] { return check_schema(**database, path); });
  if (!known) return std::unexpected(known.error());
  if (!*known) return std::unexpected(known->error());
  return ReplayFile(path, closed, std::move(*database));
}

ArchiveResult<FileSummary> ReplayFile::summary() {
  return guarded(path_, [&] { return summarize(*database_); });
}

ArchiveResult<std::vector<Gap>> ReplayFile::gaps() {
  return guarded(path_, [&] { return read_gaps(*database_); });
}

ArchiveResult<std::vector<std::string>> ReplayFile::topics(const TopicFilter& filter) {
  return guarded(path_, [&] {
    std::vector<std::string> found;
    SQLite::Statement topics(*database_, "SELECT topic FROM topics");
    while (topics.executeStep()) {
      if (const auto topic = sql::text_of(topics.getColumn(0)); filter.wants(topic))
        found.emplace_back(topic);
    }
    return found;
  });
}

ArchiveResult<ReplayFile::Readings> ReplayFile::readings(const Stretch& stretch, const TopicFilter& filter) {
  return guarded(path_, [&] {
    add_is_wanted(*database_, filter);
    SQLite::Statement rows(*database_, sql_of_readings(closed_, filter));
    rows.bind(":from", sql::value_of(std::max(stretch.range.from, stretch.behind.at)));
    rows.bind(":to", sql::value_of(stretch.range.to));
    rows.bind(":at", sql::value_of(stretch.behind.at));
    rows.bind(":id", sql::value_of(stretch.behind.offset << 16 | kParts));
    rows.bind(":end", sql::value_of(stretch.end_offset << 16));
    rows.bind(":limit", static_cast<std::int64_t>(stretch.limit));
    Readings found;
    std::size_t count = 0;
    for (; rows.executeStep(); ++count) {
      const ReplayPlace place{sql::time_of(rows.getColumn(0)), sql::offset_of(rows.getColumn(1))};
      if (found.places.empty() || found.places.back() != place) found.places.push_back(place);
    }
    found.complete = count < stretch.limit;
    return found;
  });
}

ArchiveResult<std::vector<ReplayFile::Newest>> ReplayFile::newest(Microseconds max_future,
                                                                  std::uint64_t end_offset) {
  return guarded(path_, [&] {
    SQLite::Statement rows(*database_, closed_ ? kNewestClosed : kNewestOpen);
    rows.bind(":future", static_cast<std::int64_t>(max_future.count()));
    rows.bind(":end", sql::value_of(end_offset << 16));
    std::vector<Newest> found;
    while (rows.executeStep()) {
      Newest& newest = found.emplace_back();
      newest.network = sql::text_of(rows.getColumn(0));
      newest.region = sql::text_of(rows.getColumn(1));
      newest.sensor = sql::text_of(rows.getColumn(2));
      if (!rows.getColumn(3).isNull()) newest.event_time = sql::time_of(rows.getColumn(3));
      newest.arrival = sql::time_of(rows.getColumn(4));
    }
    return found;
  });
}

ArchiveResult<ReplayFile::Undated> ReplayFile::undated(const TimeRange& arrivals, std::uint64_t end_offset,
                                                       const TopicFilter& filter, Decoder& decoder) {
  return guarded(path_, [&] {
    const auto first = sql::offset_of(SQLite::Column(database_->execAndGet("SELECT first_offset FROM file")));
    const std::vector<bool> dated = dated_messages(*database_, first);
    SQLite::Statement rows(*database_, fmt::format("{}{}", kMessages, kArrived));
    bind_arrived(rows, first, end_offset, arrivals);
    Undated found;
    Decoder::Result decoded;
    while (rows.executeStep()) {
      const std::uint64_t offset = sql::offset_of(rows.getColumn(0));
      if (offset - first < dated.size() && dated[offset - first]) continue;
      const MessageView message = view_of(rows);
      if (!filter.wants(message.topic)) continue;
      decoder.decode(message, decoded);
      if (decoded.readings.empty()) {
        found.places.push_back({message.arrival, offset});
      } else {
        ++found.left_out;
      }
    }
    std::ranges::sort(found.places);
    return found;
  });
}

ArchiveResult<std::vector<std::optional<ReplayMessage>>> ReplayFile::messages(
    std::span<const ReplayPlace> places, std::size_t bytes, const TopicFilter& filter) {
  return guarded(path_, [&] {
    std::vector<std::optional<ReplayMessage>> found;
    SQLite::Statement row(*database_, fmt::format("{}m.offset = ?", kMessages));
    std::size_t taken = 0;
    for (const ReplayPlace& place : places) {
      if (taken >= bytes) break;
      found.emplace_back();
      row.reset();
      row.bind(1, sql::value_of(place.offset));
      if (!row.executeStep()) continue;
      const MessageView view = view_of(row);
      if (!filter.wants(view.topic)) continue;
      taken += view.topic.size() + view.payload.size();
      found.back() = message_of(place.at, place.offset, view);
    }
    return found;
  });
}

ArchiveResult<ReplayFile::Arrivals> ReplayFile::arrivals(const Bounds& bounds, const TimeRange& range,
                                                         const TopicFilter& filter) {
  return guarded(path_, [&] {
    SQLite::Statement rows(*database_, fmt::format("{}{} ORDER BY m.offset", kMessages, kArrived));
    bind_arrived(rows, bounds.from, bounds.to, range);
    Arrivals found{.messages = {}, .next = bounds.to};
    std::size_t bytes = 0;
    while (rows.executeStep()) {
      const std::uint64_t offset = sql::offset_of(rows.getColumn(0));
      if (found.messages.size() == bounds.messages || bytes >= bounds.bytes) {
        found.next = offset;
        break;
      }
      const MessageView view = view_of(rows);
      if (!filter.wants(view.topic)) continue;
      bytes += view.topic.size() + view.payload.size();
      found.messages.push_back(message_of(view.arrival, offset, view));
    }
    return found;
  });
}

}  // namespace lookout
