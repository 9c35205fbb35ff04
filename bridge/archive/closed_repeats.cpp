#include "bridge/archive/closed_repeats.h"

#include <algorithm>
#include <vector>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/repeats.h"
#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

constexpr std::size_t kMostConnections = 32;
// Each looks up one row at a time: a path through the index.
constexpr const char* kSmallCache = "PRAGMA cache_size = -256";

}  // namespace

struct ClosedRepeats::File {
  explicit File(std::unique_ptr<SQLite::Database> connection)
      : database(std::move(connection)),
        repeats(*database),
        select_series(*database,
                      "SELECT id FROM series WHERE network = ? AND region = ? AND sensor = ? AND metric = ?"),
        select_word(*database, "SELECT id FROM words WHERE word = ?") {}

  std::int64_t find_series(SeriesId id, const Series& series) {
    if (series_ids.size() <= id) series_ids.resize(id + 1, kNotLookedUp);
    if (series_ids[id] != kNotLookedUp) return series_ids[id];
    StatementUse select(select_series);
    select->bindNoCopy(1, series.network);
    select->bindNoCopy(2, series.region);
    select->bindNoCopy(3, series.sensor);
    select->bindNoCopy(4, series.metric);
    return series_ids[id] = select->executeStep() ? select->getColumn(0).getInt64() : kNone;
  }
  std::int64_t find_word(const std::string& word) {
    StatementUse select(select_word);
    select->bindNoCopy(1, word);
    return select->executeStep() ? select->getColumn(0).getInt64() : kNone;
  }

  static constexpr std::int64_t kNotLookedUp = 0, kNone = -1;
  std::unique_ptr<SQLite::Database> database;
  Repeats repeats;
  SQLite::Statement select_series, select_word;
  std::vector<std::int64_t> series_ids;  // SeriesId -> row of series
  std::uint64_t last_use = 0;
};

ClosedRepeats::ClosedRepeats(std::filesystem::path folder) : folder_(std::move(folder)) {}
ClosedRepeats::~ClosedRepeats() = default;

ArchiveResult<ClosedRepeats::File*> ClosedRepeats::find(const ArchiveName& name) {
  auto found = files_.find(name.first_offset);
  if (found == files_.end()) {
    const auto path = folder_ / to_text(name);
    auto database = open_read_only(path, name.sealed);
    if (!database) return std::unexpected(std::move(database.error()));
    auto file = guarded(path, [&] {
      (*database)->exec(kSmallCache);
      return std::make_unique<File>(std::move(*database));
    });
    if (!file) return std::unexpected(std::move(file.error()));
    make_room();
    found = files_.emplace(name.first_offset, std::move(*file)).first;
  }
  found->second->last_use = ++uses_;
  return found->second.get();
}

void ClosedRepeats::make_room() {
  if (files_.size() < kMostConnections) return;
  files_.erase(std::ranges::min_element(files_, {}, [](const auto& file) { return file.second->last_use; }));
}

void ClosedRepeats::let_go(std::uint64_t first_offset) { files_.erase(first_offset); }

ArchiveResult<bool> ClosedRepeats::holds(const ArchiveName& name, const Series& series,
                                         const Reading& reading, Timestamp arrival,
                                         Microseconds identity_window) {
  const auto found = find(name);
  if (!found) return std::unexpected(found.error());
  File& file = **found;
  return guarded(folder_ / to_text(name), [&] {
    const std::int64_t series_id = file.find_series(reading.series, series);
    return series_id != File::kNone &&
           file.repeats.holds(series_id, file.find_word(reading.boot), reading, arrival, identity_window);
  });
}

ArchiveResult<bool> ClosedRepeats::holds(const ArchiveName& name, const AggregateRow& row) {
  const auto found = find(name);
  if (!found) return std::unexpected(found.error());
  return guarded(folder_ / to_text(name), [&] { return (*found)->repeats.holds(row); });
}

}  // namespace lookout
