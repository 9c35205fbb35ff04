#include "bridge/archive/open_file.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <utf8.h>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/repeats.h"
#include "bridge/archive/sql_values.h"
#include "common/journal_format.h"

namespace lookout {
namespace {

constexpr int kBusyTimeoutMs = 5000;
// Names that are remembered so that most rows look none up; a stream of ever new ones must not fill the
// memory.
constexpr std::size_t kMostNames = 200'000;

// A NUL inside a TEXT is legal, but SQL functions and the sqlite3 shell show only what stands before it.
bool is_text(std::string_view payload) {
  return payload.find('\0') == std::string_view::npos && utf8::is_valid(payload.begin(), payload.end());
}

std::int64_t flags_of(const MessageView& message) {
  return (message.retain ? journal::kFlagRetain : 0) | (message.cut ? journal::kFlagCut : 0);
}

void remove_left_over(const std::filesystem::path& file) {
  std::error_code error;
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + end, error);
}

/// The row of a text in a table of texts, made where it is missing.
std::int64_t intern(const std::string& text, std::unordered_map<std::string, std::int64_t>& known,
                    SQLite::Statement& insert_text, SQLite::Statement& select_text) {
  if (const auto found = known.find(text); found != known.end()) return found->second;
  if (known.size() >= kMostNames) known.clear();
  for (SQLite::Statement* statement : {&insert_text, &select_text}) {
    StatementUse use(*statement);
    use->bindNoCopy(1, text);
    if (use->executeStep()) return known[text] = use->getColumn(0).getInt64();
  }
  return 0;
}

}  // namespace

struct OpenFile::Statements {
  explicit Statements(const SQLite::Database& database)
      : insert_message(database, "INSERT INTO messages VALUES(?, ?, ?, ?, ?)"),
        insert_topic(database, "INSERT INTO topics(topic) VALUES(?) ON CONFLICT DO NOTHING RETURNING id"),
        select_topic(database, "SELECT id FROM topics WHERE topic = ?"),
        insert_word(database, "INSERT INTO words(word) VALUES(?) ON CONFLICT DO NOTHING RETURNING id"),
        select_word(database, "SELECT id FROM words WHERE word = ?"),
        insert_series(database,
                      "INSERT INTO series(network, region, sensor, metric) VALUES(?, ?, ?, ?) "
                      "ON CONFLICT DO NOTHING"),
        select_series(database,
                      "SELECT id FROM series WHERE network = ? AND region = ? AND sensor = ? AND metric = ?"),
        insert_series_topic(database, "INSERT INTO series_topics VALUES(?, ?) ON CONFLICT DO NOTHING"),
        insert_reading(database,
                       "INSERT INTO readings(id, event_us, series, seq, boot, value, time_is_arrival, unit, "
                       "identity) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        insert_aggregate(database, R"(
          INSERT INTO aggregates(offset, id, revision, network, window, grp, metric, unit, start_us, end_us, closed_by,
            count, sensors, sum, mean, min, max, stddev, first, last, late, seq_gaps, over, incomplete, retracted,
            historical)
          VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))"),
        insert_gap(database, "INSERT INTO gaps VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
        page_count(database, "PRAGMA page_count"),
        repeats(database) {}

  SQLite::Statement insert_message, insert_topic, select_topic, insert_word, select_word, insert_series,
      select_series, insert_series_topic, insert_reading, insert_aggregate, insert_gap, page_count;
  Repeats repeats;
  std::string topic, payload;  // SQLiteCpp binds a text by its length only from a std::string
};

OpenFile::OpenFile(std::filesystem::path file) : file_(std::move(file)) {}
OpenFile::~OpenFile() = default;

ArchiveResult<std::unique_ptr<OpenFile>> OpenFile::create(const std::filesystem::path& file,
                                                          std::uint64_t epoch, std::uint64_t first_offset) {
  remove_left_over(file);
  auto created = connect(file, How::create, epoch, first_offset);
  if (!created) remove_left_over(file);
  return created;
}

ArchiveResult<std::unique_ptr<OpenFile>> OpenFile::open(const std::filesystem::path& file) {
  return connect(file, How::open, 0, 0);
}

ArchiveResult<std::unique_ptr<OpenFile>> OpenFile::connect(const std::filesystem::path& file, How how,
                                                           std::uint64_t epoch, std::uint64_t first_offset) {
  std::unique_ptr<OpenFile> opened(new OpenFile(file));
  auto ready = guarded(file, [&] { return opened->set_up(how, epoch, first_offset); });
  if (!ready) return std::unexpected(std::move(ready.error()));
  if (!*ready) return std::unexpected(std::move(ready->error()));
  return opened;
}

ArchiveResult<void> OpenFile::set_up(How how, std::uint64_t epoch, std::uint64_t first_offset) {
  const int create = how == How::create ? SQLite::OPEN_CREATE : 0;
  database_ = std::make_unique<SQLite::Database>(
      file_.string(), SQLite::OPEN_READWRITE | create | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
  // SQLite opens for reading what it may not write, and says so only when something is to be written.
  if (sqlite3_db_readonly(database_->getHandle(), "main") == 1)
    return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again,
                                          fmt::format("archive '{}' cannot be written: is it read-only, or "
                                                      "somebody else's?",
                                                      file_.string())});
  if (how == How::open) {
    if (auto known = check_schema(*database_, file_); !known) return known;
    const std::string checked = database_->execAndGet("PRAGMA quick_check(1)").getString();
    if (checked != "ok")
      return std::unexpected(
          ArchiveFailure{ArchiveFailure::Kind::damaged,
                         fmt::format("archive '{}' is damaged: {}", file_.string(), checked)});
  }
  configure_writer(*database_);
  if (how == How::create) {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    create_tables(*database_, Order::arrival, epoch, first_offset);
    create_indexes(*database_, Order::arrival);
    transaction.commit();
  }
  statements_ = std::make_unique<Statements>(*database_);
  summary_ = summarize(*database_);
  added_end_ = summary_.end_offset;
  measure();
  return {};
}

void OpenFile::measure() {
  StatementUse pages(statements_->page_count);
  if (pages->executeStep()) bytes_ = sql::offset_of(pages->getColumn(0)) * kArchivePage;
  std::error_code error;
  const auto log = std::filesystem::file_size(file_.string() + "-wal", error);
  log_bytes_ = error ? 0 : log;
}

ArchiveResult<void> OpenFile::begin() {
  return guarded(file_, [&] { database_->exec("BEGIN IMMEDIATE"); });
}

ArchiveResult<void> OpenFile::add_message(std::uint64_t offset, const MessageView& message) {
  return guarded(file_, [&] {
    statements_->topic = message.topic;
    statements_->payload = message.payload;
    topic_ = find_topic();
    StatementUse insert(statements_->insert_message);
    insert->bind(1, sql::value_of(offset));
    insert->bind(2, sql::value_of(message.arrival));
    insert->bind(3, topic_);
    if (is_text(message.payload)) {
      insert->bindNoCopy(4, statements_->payload);
    } else {
      insert->bindNoCopy(4, message.payload.data(), static_cast<int>(message.payload.size()));
    }
    insert->bind(5, flags_of(message));
    insert->exec();
    summary_.add_arrival(message.arrival);
    added_end_ = offset + 1;
  });
}

std::int64_t OpenFile::find_topic() {
  return intern(statements_->topic, topics_, statements_->insert_topic, statements_->select_topic);
}

std::int64_t OpenFile::find_word(const std::string& word) {
  return word.empty() ? 0 : intern(word, words_, statements_->insert_word, statements_->select_word);
}

std::int64_t OpenFile::find_series(SeriesId id, const Series& series) {
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

void OpenFile::note_topic(std::int64_t series) {
  if (series_topics_.size() >= kMostNames) series_topics_.clear();
  if (!series_topics_.insert(static_cast<std::uint64_t>(series) << 32 | static_cast<std::uint64_t>(topic_))
           .second)
    return;
  StatementUse insert(statements_->insert_series_topic);
  insert->bind(1, series);
  insert->bind(2, topic_);
  insert->exec();
}

ArchiveResult<bool> OpenFile::holds(const Series& series, const Reading& reading, Timestamp arrival,
                                    Microseconds identity_window) {
  return guarded(file_, [&] {
    return statements_->repeats.holds(find_series(reading.series, series), find_word(reading.boot), reading,
                                      arrival, identity_window);
  });
}

ArchiveResult<void> OpenFile::add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                          const Reading& reading) {
  return guarded(file_, [&] {
    const std::int64_t series_id = find_series(reading.series, series);
    note_topic(series_id);
    const std::int64_t boot = find_word(reading.boot), unit = find_word(reading.unit);
    StatementUse insert(statements_->insert_reading);
    insert->bind(1, sql::value_of(offset << 16 | part));
    insert->bind(2, sql::value_of(reading.event_time));
    insert->bind(3, series_id);
    insert->bind(4, sql::seq_of(reading));
    insert->bind(5, boot);
    insert->bind(6, reading.value);
    insert->bind(7, reading.time_is_arrival ? 1 : 0);
    insert->bind(8, unit);
    insert->bind(9);
    const auto identity = bytes_of(reading.identity.value_or(Identity{}));
    if (reading.identity_is_by_name)
      insert->bindNoCopy(9, identity.data(), static_cast<int>(identity.size()));
    insert->exec();
    summary_.event_times.add(reading.event_time);
  });
}

ArchiveResult<bool> OpenFile::holds(const AggregateRow& row) {
  return guarded(file_, [&] { return statements_->repeats.holds(row); });
}

ArchiveResult<void> OpenFile::add_aggregate(std::uint64_t offset, const AggregateRow& row) {
  return guarded(file_, [&] {
    StatementUse insert(statements_->insert_aggregate);
    int next = 0;
    const auto integer = [&](std::int64_t value) { insert->bind(++next, value); };
    const auto text = [&](const std::string& value) { insert->bindNoCopy(++next, value); };
    const auto optional = [&](const auto& value) {
      value ? insert->bind(++next, *value) : insert->bind(++next);
    };
    integer(sql::value_of(offset));
    text(row.id);
    integer(row.revision);
    for (const auto* name : {&row.network, &row.window, &row.group, &row.metric, &row.unit}) text(*name);
    integer(sql::value_of(row.start));
    integer(sql::value_of(row.end));
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
    insert->exec();
    summary_.windows.add(row.start);
  });
}

ArchiveResult<void> OpenFile::add_gap(const Gap& gap) {
  return guarded(file_, [&] {
    StatementUse insert(statements_->insert_gap);
    insert->bind(1, sql::value_of(gap.first_offset));
    insert->bind(2, sql::value_of(gap.end_offset));
    insert->bindNoCopy(3, gap.why);
    insert->bind(4);
    insert->bind(5);
    if (gap.times) {
      insert->bind(4, sql::value_of(gap.times->from));
      insert->bind(5, sql::value_of(gap.times->to));
    }
    insert->bind(6, sql::value_of(gap.noted));
    insert->exec();
  });
}

ArchiveResult<void> OpenFile::commit() {
  return guarded(file_, [&] {
    database_->exec("COMMIT");
    summary_.end_offset = added_end_;
    measure();
  });
}

void OpenFile::abandon() {
  // SQLite has rolled back by itself after some failures; then there is nothing to do.
  if (sqlite3_get_autocommit(database_->getHandle()) == 0) database_->tryExec("ROLLBACK");
  added_end_ = summary_.end_offset;
  forget_names();  // rows of names may have gone with the batch
}

void OpenFile::forget_names() {
  series_ids_.clear();
  words_.clear();
  topics_.clear();
  series_topics_.clear();
}

}  // namespace lookout
