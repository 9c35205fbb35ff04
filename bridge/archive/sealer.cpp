#include "bridge/archive/sealer.h"

#include <fmt/format.h>

#include <utility>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "common/file_system.h"

namespace lookout {
namespace {

constexpr int kRowsOfStep = 20'000;
constexpr int kColumns = 9;

// All or nothing is what the renaming of the whole file gives: no journal, and one sync at the end. Rows are
// read and written in order, which takes few pages of a cache; the bridge runs in 24 MB.
constexpr const char* kSettings =
    "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -512;"
    "PRAGMA temp_store = FILE; PRAGMA mmap_size = 0; PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON";

constexpr const char* kNames = R"(
INSERT INTO gaps SELECT * FROM source.gaps;
INSERT INTO topics SELECT * FROM source.topics;
INSERT INTO words SELECT * FROM source.words WHERE id <> 0;
INSERT INTO series SELECT * FROM source.series;
INSERT INTO series_topics SELECT * FROM source.series_topics;
)";
constexpr const char* kMessages =
    "INSERT INTO messages SELECT * FROM source.messages "
    "WHERE offset > coalesce((SELECT max(offset) FROM main.messages), -1) ORDER BY offset LIMIT ?";
constexpr const char* kAggregates =
    "INSERT INTO aggregates SELECT * FROM source.aggregates "
    "WHERE offset > coalesce((SELECT max(offset) FROM main.aggregates), -1) ORDER BY offset LIMIT ?";
constexpr const char* kSortedReadings =
    "SELECT id, event_us, series, seq, boot, value, time_is_arrival, unit, identity FROM source.readings "
    "ORDER BY series, event_us, id";
constexpr const char* kInsertReading =
    "INSERT INTO readings(id, event_us, series, seq, boot, value, time_is_arrival, unit, identity) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";

void copy_column(const SQLite::Column& from, SQLite::Statement& to, int index) {
  if (from.isNull()) {
    to.bind(index);
  } else if (from.isFloat()) {
    to.bind(index, from.getDouble());
  } else if (from.isInteger()) {
    to.bind(index, from.getInt64());
  } else {
    to.bindNoCopy(index, from.getBlob(), from.getBytes());
  }
}

}  // namespace

Sealer::Sealer(std::filesystem::path source, std::filesystem::path target, FileSummary summary)
    : source_(std::move(source)), target_(std::move(target)), summary_(std::move(summary)) {}

Sealer::~Sealer() {
  sorted_.reset();
  insert_.reset();
  database_.reset();
  std::error_code error;
  std::filesystem::remove(target_, error);
}

ArchiveResult<std::unique_ptr<Sealer>> Sealer::begin(const std::filesystem::path& source,
                                                     const std::filesystem::path& target,
                                                     const FileSummary& summary) {
  std::error_code error;
  std::filesystem::remove(target, error);
  std::unique_ptr<Sealer> sealer(new Sealer(source, target, summary));
  if (auto ready = guarded(source, [&] { sealer->set_up(); }); !ready)
    return std::unexpected(std::move(ready.error()));
  return sealer;
}

void Sealer::set_up() {
  // No waiting for locks: who reads the source for long is asked again at the next step.
  database_ = std::make_unique<SQLite::Database>(
      target_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
  database_->exec(kSettings);
  SQLite::Statement attach(*database_, "ATTACH ? AS source");
  attach.bind(1, source_.string());
  attach.exec();
  database_->exec("PRAGMA source.cache_size = -512");
  database_->exec("BEGIN");
  create_tables(*database_, Order::series, summary_.epoch, summary_.first_offset);
  database_->exec(kNames);
}

ArchiveResult<Sealer::Step> Sealer::step() {
  if (phase_ == Phase::whole) return Step::whole;
  auto done = guarded(source_, [&] { return work(); });
  if (!done || *done != Step::whole) return done;
  const auto failed = [&](ArchiveFailure::Kind kind, const std::string& why) {
    return std::unexpected(ArchiveFailure{kind, fmt::format("cannot sync '{}': {}", target_.string(), why)});
  };
  // An archive that is away comes back; a sync that failed is not to be tried again.
  const auto file = system_files().open(target_, FileSystem::Open::to_change);
  if (!file) return failed(ArchiveFailure::Kind::try_again, file.error());
  if (auto synced = (*file)->sync(); !synced) return failed(ArchiveFailure::Kind::broken, synced.error());
  phase_ = Phase::whole;
  return Step::whole;
}

Sealer::Step Sealer::work() {
  const auto then = [&](bool done, Phase next) {
    if (done) phase_ = next;
    return Step::worked;
  };
  switch (phase_) {
    case Phase::messages:
      return then(copy(kMessages), Phase::aggregates);
    case Phase::aggregates:
      return then(copy(kAggregates), Phase::readings);
    case Phase::readings:
      return then(copy_readings(), Phase::finish);
    case Phase::finish:
      finish();
      return then(true, Phase::settle);
    case Phase::settle:
      return settle() ? Step::whole : Step::waiting;
    case Phase::whole:
      break;
  }
  std::unreachable();
}

bool Sealer::copy(const char* sql) {
  SQLite::Statement insert(*database_, sql);
  insert.bind(1, kRowsOfStep);
  return insert.exec() < kRowsOfStep;
}

bool Sealer::copy_readings() {
  if (!sorted_) {
    sorted_ = std::make_unique<SQLite::Statement>(*database_, kSortedReadings);
    insert_ = std::make_unique<SQLite::Statement>(*database_, kInsertReading);
  }
  for (int row = 0; row < kRowsOfStep; ++row) {
    if (!sorted_->executeStep()) {
      sorted_.reset();
      insert_.reset();
      return true;
    }
    for (int i = 0; i < kColumns; ++i) copy_column(sorted_->getColumn(i), *insert_, i + 1);
    insert_->exec();
    insert_->reset();
  }
  return false;
}

void Sealer::finish() {
  create_indexes(*database_, Order::series);
  write_summary(*database_, summary_);
  database_->exec("COMMIT");
}

// Somebody who opens the source in the moment when it goes may find it without its -wal.
bool Sealer::settle() {
  {
    SQLite::Statement checkpoint(*database_, "PRAGMA source.wal_checkpoint(PASSIVE)");
    checkpoint.executeStep();
    const auto frames = checkpoint.getColumn(1).getInt64(), done = checkpoint.getColumn(2).getInt64();
    if (checkpoint.getColumn(0).getInt() != 0 || frames != done) return false;
  }
  database_.reset();
  return true;
}

}  // namespace lookout
