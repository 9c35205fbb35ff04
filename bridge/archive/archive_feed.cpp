#include "bridge/archive/archive_feed.h"

#include <algorithm>
#include <iterator>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

constexpr const char* kMessages =
    "SELECT m.offset, m.arrival_us, t.topic, m.payload FROM messages m "
    "CROSS JOIN topics t ON t.id = m.topic_id WHERE m.offset >= ? ORDER BY m.offset";
// Sorted before the names are looked up; a closed file's readings lie by series, and are sorted once, with a
// file for what outgrows the cache.
constexpr const char* kReadings =
    "SELECT r.id, r.id & 65535, s.network, s.region, s.sensor, s.metric, u.word, b.word, r.event_us, "
    "r.time_is_arrival, r.value, r.seq, r.identity "
    "FROM (SELECT id, event_us, series, seq, boot, value, time_is_arrival, unit, identity FROM readings "
    "WHERE id >= ? "
    "ORDER BY id LIMIT ?) r CROSS JOIN series s ON s.id = r.series CROSS JOIN words u ON u.id = r.unit "
    "CROSS JOIN words b ON b.id = r.boot";
constexpr const char* kAggregates =
    "SELECT offset, id, network, window, grp, metric, unit, closed_by, revision, start_us, end_us, count, "
    "sensors, "
    "sum, mean, min, max, stddev, first, last, late, seq_gaps, over, incomplete, retracted, historical "
    "FROM aggregates WHERE offset >= ? ORDER BY offset LIMIT ?";
constexpr int kBitsOfPart = 16;
constexpr std::int64_t kAll = -1;
// So many fit into the cache, and need no file to be sorted: 1 MiB.
constexpr std::int64_t kReadingsAtATime = 10'000;

std::string copy_of(const SQLite::Column& column) { return std::string(sql::text_of(column)); }

ArchivedReading reading_of(SQLite::Statement& row) {
  ArchivedReading reading;
  int next = 1;
  reading.part = static_cast<std::uint16_t>(row.getColumn(next++).getInt());
  for (std::string* text :
       {&reading.network, &reading.region, &reading.sensor, &reading.metric, &reading.unit, &reading.boot})
    *text = copy_of(row.getColumn(next++));
  reading.event_time = sql::time_of(row.getColumn(next++));
  reading.time_is_arrival = row.getColumn(next++).getInt() != 0;
  reading.value = row.getColumn(next++).getDouble();
  if (const std::int64_t seq = row.getColumn(next++).getInt64(); seq >= 0)
    reading.seq = static_cast<std::uint64_t>(seq);
  if (const SQLite::Column identity = row.getColumn(next); !identity.isNull())
    reading.identity = identity_of(sql::text_of(identity));
  return reading;
}

AggregateRow aggregate_of(SQLite::Statement& row) {
  AggregateRow aggregate;
  int next = 1;
  const auto integer = [&] { return row.getColumn(next++).getInt64(); };
  for (std::string* text : {&aggregate.id, &aggregate.network, &aggregate.window, &aggregate.group,
                            &aggregate.metric, &aggregate.unit, &aggregate.closed_by})
    *text = copy_of(row.getColumn(next++));
  aggregate.revision = integer();
  for (Timestamp* time : {&aggregate.start, &aggregate.end}) *time = sql::time_of(row.getColumn(next++));
  aggregate.count = integer();
  aggregate.sensors = integer();
  aggregate.sum = row.getColumn(next++).getDouble();
  for (std::optional<double>* figure : {&aggregate.mean, &aggregate.min, &aggregate.max, &aggregate.stddev,
                                        &aggregate.first, &aggregate.last}) {
    const SQLite::Column column = row.getColumn(next++);
    if (!column.isNull()) *figure = column.getDouble();
  }
  aggregate.late = integer();
  aggregate.seq_gaps = integer();
  if (const SQLite::Column over = row.getColumn(next++); !over.isNull()) aggregate.over = over.getInt64();
  for (bool* flag : {&aggregate.incomplete, &aggregate.retracted, &aggregate.historical})
    *flag = integer() != 0;
  return aggregate;
}

/// Rows by their first column, an offset with some bits behind it. The next is looked at before it is taken.
class Rows {
 public:
  /// They are asked for again where there are more of them than `at_a_time`.
  Rows(const SQLite::Database& database, const char* sql, std::uint64_t from, int bits,
       std::int64_t at_a_time)
      : statement_(database, sql), bits_(bits), at_a_time_(at_a_time) {
    ask_from(sql::value_of(from << bits));
  }
  /// The row of that offset, where there is one (more); rows of smaller offsets are passed over.
  SQLite::Statement* at(std::uint64_t offset) {
    while (!done_ && (!started_ || this_offset() < offset)) step();
    return !done_ && this_offset() == offset ? &statement_ : nullptr;
  }
  void step() {
    started_ = true;
    if (given_ == at_a_time_) ask_from(last_ + 1);
    done_ = !statement_.executeStep();
    if (done_) return;
    ++given_;
    last_ = statement_.getColumn(0).getInt64();
  }

 private:
  [[nodiscard]] std::uint64_t this_offset() const { return static_cast<std::uint64_t>(last_) >> bits_; }
  void ask_from(std::int64_t first) {
    statement_.tryReset();
    statement_.bind(1, first);
    statement_.bind(2, at_a_time_);
    given_ = 0;
  }

  SQLite::Statement statement_;
  const int bits_;
  const std::int64_t at_a_time_;
  std::int64_t given_ = 0, last_ = 0;
  bool started_ = false, done_ = false;
};

}  // namespace

/// One file of the archive, from an offset on.
class ArchiveFeed::File {
 public:
  static ArchiveResult<std::unique_ptr<File>> open(const std::filesystem::path& path, bool closed,
                                                   std::uint64_t from) {
    auto database = open_read_only(path, closed);
    if (!database) return std::unexpected(std::move(database.error()));
    auto file = guarded(path, [&]() -> ArchiveResult<std::unique_ptr<File>> {
      if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
      return std::make_unique<File>(path, closed, from, std::move(*database));
    });
    if (!file) return std::unexpected(std::move(file.error()));
    return std::move(*file);
  }

  File(std::filesystem::path path, bool is_closed, std::uint64_t from,
       std::unique_ptr<SQLite::Database> connection)
      : closed(is_closed), path_(std::move(path)), database_(std::move(connection)), position_(from) {
    database_->exec("BEGIN");  // all three are of one state
    ask(kAll);
  }

  /// False: at the file's end.
  ArchiveResult<bool> next(ArchivedMessage& message) {
    auto found = guarded(path_, [&] { return read(message); });
    if (found || !closed || !found.error().may_pass()) return found;
    // A disk too full to sort on must not keep it from being read: then nothing could be forwarded, and so
    // nothing evicted, which alone makes room. Now each so many are found by a look through all.
    return guarded(path_, [&] {
      ask(kReadingsAtATime);
      return read(message);
    });
  }
  /// The offset behind the message that next() gave last.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  const bool closed;

 private:
  // From the position on.
  void ask(std::int64_t readings_at_a_time) {
    messages_.emplace(*database_, kMessages);
    messages_->bind(1, sql::value_of(position_));
    readings_.emplace(*database_, kReadings, position_, kBitsOfPart, readings_at_a_time);
    aggregates_.emplace(*database_, kAggregates, position_, 0, kAll);
  }
  bool read(ArchivedMessage& message) {
    if (!messages_->executeStep()) return false;
    take_message(message);
    for (auto* row = readings_->at(message.offset); row; row = readings_->at(message.offset)) {
      message.readings.push_back(reading_of(*row));
      readings_->step();
    }
    if (auto* row = aggregates_->at(message.offset)) message.aggregate = aggregate_of(*row);
    position_ = message.offset + 1;
    return true;
  }
  void take_message(ArchivedMessage& message) {
    message.readings.clear();
    message.aggregate.reset();
    message.offset = sql::offset_of(messages_->getColumn(0));
    message.arrival = sql::time_of(messages_->getColumn(1));
    message.topic = sql::text_of(messages_->getColumn(2));
    const SQLite::Column payload = messages_->getColumn(3);
    const auto* bytes = static_cast<const char*>(payload.getBlob());
    message.payload.assign(bytes ? bytes : "", static_cast<std::size_t>(payload.getBytes()));
  }

  const std::filesystem::path path_;
  std::unique_ptr<SQLite::Database> database_;
  std::optional<SQLite::Statement> messages_;
  std::optional<Rows> readings_, aggregates_;
  std::uint64_t position_;
};

ArchiveFeed::ArchiveFeed(std::filesystem::path folder) : folder_(std::move(folder)) {}
ArchiveFeed::~ArchiveFeed() = default;

void ArchiveFeed::close() { file_.reset(); }

ArchiveResult<std::vector<ArchiveName>> ArchiveFeed::list() const {
  auto names = list_archive(folder_);
  if (!names) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, names.error()});
  std::erase_if(*names, [&](const ArchiveName& name) { return passed_over_.contains(name.first_offset); });
  return std::move(*names);
}

// The file in which the offset lies, or the first one behind it. False: there is none.
ArchiveResult<bool> ArchiveFeed::open_at(std::uint64_t offset) {
  const auto names = list();
  if (!names) return std::unexpected(names.error());
  auto name = std::ranges::upper_bound(*names, offset, {}, &ArchiveName::first_offset);
  if (name != names->begin()) --name;
  return open(*names, name, offset);
}

// Of what was the newest file when it was opened more may have been committed meanwhile, and then another
// file begun: it is to be looked at again first.
ArchiveResult<bool> ArchiveFeed::open_next(std::uint64_t offset) {
  if (is_newest_) {
    file_.reset();
    return false;
  }
  const auto names = list();
  if (!names) return std::unexpected(names.error());
  return open(*names, std::ranges::upper_bound(*names, name_.first_offset, {}, &ArchiveName::first_offset),
              offset);
}

// The list is older than the state of the file that is read.
ArchiveResult<bool> ArchiveFeed::open(const std::vector<ArchiveName>& names,
                                      std::vector<ArchiveName>::const_iterator name, std::uint64_t offset) {
  if (name == names.end()) return false;
  failed_ = *name;
  auto opened = File::open(folder_ / to_text(*name), name->sealed, offset);
  if (!opened) return std::unexpected(std::move(opened.error()));
  name_ = *name;
  is_newest_ = std::next(name) == names.end();
  file_ = std::move(*opened);
  return true;
}

ArchiveResult<std::vector<Gap>> ArchiveFeed::noted_gaps(std::uint64_t first, std::uint64_t end) {
  std::vector<Gap> noted;
  const auto names = list_archive(folder_);
  if (!names) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, names.error()});
  for (std::size_t i = 0; i < names->size(); ++i) {
    const ArchiveName& name = (*names)[i];
    if (passed_over_.contains(name.first_offset)) {
      const std::uint64_t behind = i + 1 < names->size() ? (*names)[i + 1].first_offset : end;
      noted.push_back({.first_offset = name.first_offset, .end_offset = behind, .why = "corrupt"});
      continue;
    }
    failed_ = name;
    const auto path = folder_ / to_text(name);
    const auto database = open_read_only(path, name.sealed);
    if (!database) return std::unexpected(database.error());
    const auto gaps = guarded(path, [&] { return read_gaps(**database); });
    if (!gaps) return std::unexpected(gaps.error());
    std::ranges::copy_if(*gaps, std::back_inserter(noted),
                         [&](const Gap& gap) { return gap.first_offset < end && gap.end_offset > first; });
  }
  std::ranges::sort(noted, {}, &Gap::first_offset);
  return noted;
}

// Everything but what retention took is noted. It is told as of the message behind it.
ArchiveResult<void> ArchiveFeed::add_gaps(std::uint64_t end, FeedBatch& batch, FeedReceiver& receiver) {
  const auto noted = noted_gaps(batch.next, end);
  if (!noted) return std::unexpected(noted.error());
  const auto add = [&](Gap gap, std::uint64_t last) {
    gap.first_offset = batch.next;
    gap.end_offset = batch.next = last;
    if (gap.noted == Timestamp{}) gap.noted = message_.arrival;
    receiver.take(gap);
  };
  for (const Gap& gap : *noted) {
    if (gap.first_offset > batch.next) add({.why = "evicted"}, gap.first_offset);
    if (gap.end_offset > batch.next) add(gap, std::min(end, gap.end_offset));
  }
  if (batch.next < end) add({.why = "evicted"}, end);
  return {};
}

// What cannot be read ends the batch; without a message before it, it is the answer.
ArchiveResult<FeedBatch> ArchiveFeed::read(std::uint64_t from, const Limits& limits, FeedReceiver& receiver) {
  FeedBatch batch{.next = from};
  int tries = 0;
  if (file_ && file_->position() != from) file_.reset();
  while (batch.messages < limits.messages && batch.bytes < limits.bytes) {
    const auto added = add_next(batch, receiver);
    if (!added) {
      file_.reset();
      if (is_gone(folder_ / to_text(failed_)) && ++tries < kMostTries) continue;
      if (batch.messages == 0) return std::unexpected(added.error());
      break;
    }
    if (!*added) break;
  }
  // What is still written must not be held: its -wal would grow.
  if (file_ && !file_->closed) file_.reset();
  return batch;
}

ArchiveResult<bool> ArchiveFeed::add_next(FeedBatch& batch, FeedReceiver& receiver) {
  if (!file_) {
    if (auto found = open_at(batch.next); !found || !*found) return found;
  }
  failed_ = name_;
  const auto found = file_->next(message_);
  if (!found) return found;
  if (!*found) return open_next(batch.next);
  if (message_.offset > batch.next) {
    if (auto added = add_gaps(message_.offset, batch, receiver); !added)
      return std::unexpected(std::move(added.error()));
  }
  ++batch.messages;
  batch.next = message_.offset + 1;
  batch.bytes += message_.topic.size() + message_.payload.size();
  return receiver.take(message_);
}

}  // namespace lookout
