#include "bridge/days/day_file.h"

#include <fmt/format.h>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/arrival_ranges.h"
#include "bridge/archive/selection_sql.h"
#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

constexpr const char* kWantedSeries =
    " WHERE id IN (SELECT series FROM series_topics WHERE topic_id IN "
    "(SELECT id FROM topics WHERE topic_matches(:topics, topic)))";

// Messages are looked up in the order in which they lie, then the rows are sorted.
constexpr const char* kCopyReadings =
    "INSERT INTO temp.day_readings SELECT r.series, r.event_us, r.id, r.value, r.seq, r.boot, r.unit, "
    "r.time_is_arrival = 0 AND m.arrival_us - r.event_us > :lag "
    "FROM main.readings r NOT INDEXED CROSS JOIN main.messages m ON m.offset = r.id >> 16 "
    "WHERE r.event_us >= :from AND r.event_us < :to ORDER BY r.series, r.event_us, r.id";

constexpr const char* kTables =
    "CREATE TEMP TABLE day_readings(series, event_us, id, value, seq, boot, unit, is_late, "
    "PRIMARY KEY(series, event_us, id)) WITHOUT ROWID;"
    "CREATE TEMP TABLE day_series(id INTEGER PRIMARY KEY, network, region, sensor, metric);"
    "CREATE TEMP TABLE day_words(id INTEGER PRIMARY KEY, word)";

constexpr const char* kCopyWords =
    "INSERT INTO temp.day_words SELECT id, word FROM main.words "
    "WHERE id IN (SELECT boot FROM temp.day_readings UNION SELECT unit FROM temp.day_readings)";

}  // namespace

/// A number's word; asks only where it is another than the last.
struct DayFile::Words {
  Words(SQLite::Database& database, const char* sql) : select(database, sql) {}
  std::string_view find(std::int64_t id) {
    if (id == last) return word;
    StatementUse use(select);
    use->bind(1, id);
    word = use->executeStep() ? use->getColumn(0).getString() : std::string();
    last = id;
    return word;
  }
  SQLite::Statement select;
  std::int64_t last = 0;  // which is ''
  std::string word{};
};

DayFile::DayFile(std::filesystem::path file, bool closed, const DaySelection& selection,
                 std::unique_ptr<SQLite::Database> database)
    : file_(std::move(file)), closed_(closed), selection_(selection), database_(std::move(database)) {}
DayFile::~DayFile() = default;

ArchiveResult<std::unique_ptr<DayFile>> DayFile::open(const std::filesystem::path& file, bool closed,
                                                      const DaySelection& selection) {
  auto database = open_read_only(file, closed);
  if (!database) return std::unexpected(std::move(database.error()));
  std::unique_ptr<DayFile> opened(new DayFile(file, closed, selection, std::move(*database)));
  if (auto ready = guarded(file, [&] { opened->set_up(); }); !ready)
    return std::unexpected(std::move(ready.error()));
  return opened;
}

void DayFile::set_up() {
  SQLite::Database& database = *database_;
  add_topic_matches(database);
  // It is read from front to back: what was read is not needed again. Many files may hold parts of one day.
  database.exec("PRAGMA cache_size = -128");
  if (closed_) {
    arrivals_ = std::make_unique<ArrivalRanges>(database);
  } else {
    copy_open();
  }
  const std::string from = closed_ ? "main." : "temp.day_";
  select_series_ = std::make_unique<SQLite::Statement>(
      database, fmt::format("SELECT id, network, region, sensor, metric FROM {}series{} "
                            "ORDER BY network, region, sensor, metric",
                            from, closed_ && !selection_.topics.empty() ? kWantedSeries : ""));
  if (closed_ && !selection_.topics.empty()) select_series_->bind(":topics", selection_.topics);
  select_readings_ = std::make_unique<SQLite::Statement>(
      database, fmt::format("SELECT event_us, id, value, seq, boot, unit, {} FROM {}readings "
                            "WHERE series = ? AND event_us >= ? AND event_us < ? ORDER BY event_us, id",
                            closed_ ? "time_is_arrival" : "is_late", from));
  const std::string words = fmt::format("SELECT word FROM {}words WHERE id = ?", from);
  boots_ = std::make_unique<Words>(database, words.c_str());
  units_ = std::make_unique<Words>(database, words.c_str());
}

void DayFile::copy_open() {
  SQLite::Database& database = *database_;
  database.exec(kTables);
  SQLite::Transaction one_state(database);
  SQLite::Statement series(database, fmt::format("INSERT INTO temp.day_series SELECT id, network, region, "
                                                 "sensor, metric FROM main.series{}",
                                                 selection_.topics.empty() ? "" : kWantedSeries));
  if (!selection_.topics.empty()) series.bind(":topics", selection_.topics);
  series.exec();
  SQLite::Statement readings(database, kCopyReadings);
  readings.bind(":lag", static_cast<std::int64_t>(selection_.lag.count()));
  readings.bind(":from", sql::value_of(selection_.from));
  readings.bind(":to", sql::value_of(selection_.to));
  readings.exec();
  database.exec(kCopyWords);
  one_state.commit();
}

ArchiveResult<bool> DayFile::next_series() {
  return guarded(file_, [&] {
    if (!select_series_->executeStep()) return false;
    names_ = {select_series_->getColumn(1).getString(), select_series_->getColumn(2).getString(),
              select_series_->getColumn(3).getString(), select_series_->getColumn(4).getString()};
    select_readings_->reset();
    select_readings_->bind(1, select_series_->getColumn(0).getInt64());
    select_readings_->bind(2, sql::value_of(selection_.from));
    select_readings_->bind(3, sql::value_of(selection_.to));
    return true;
  });
}

ArchiveResult<bool> DayFile::next() {
  return guarded(file_, [&] {
    if (!select_readings_->executeStep()) return false;
    read_row();
    return true;
  });
}

void DayFile::read_row() {
  SQLite::Statement& row = *select_readings_;
  const std::int64_t event_us = row.getColumn(0).getInt64();
  const bool flag = row.getColumn(6).getInt() != 0;
  id_ = row.getColumn(1).getInt64();
  reading_.event_time = Timestamp{Microseconds{event_us}};
  reading_.value = row.getColumn(2).getDouble();
  reading_.seq = row.getColumn(3).getInt64();
  reading_.boot = boots_->find(row.getColumn(4).getInt64());
  reading_.unit = units_->find(row.getColumn(5).getInt64());
  reading_.is_late =
      closed_ ? !flag && arrivals_->arrived_after(id_ >> 16, event_us + selection_.lag.count()) : flag;
}

}  // namespace lookout
