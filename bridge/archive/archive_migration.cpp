#include "bridge/archive/archive_migration.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <ctime>
#include <vector>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/retention.h"
#include "bridge/archive/sql_values.h"
#include "common/disk_room.h"
#include "common/file_system.h"

namespace lookout {
namespace {

// Messages, readings and indexes cost about so much beside topic and payload.
constexpr std::uint64_t kRowOverhead = 100;

/// Offsets of the earlier archive that become one file.
struct Part {
  ArchiveName name;
  std::uint64_t end_offset = 0;
};

constexpr const char* kSettings =
    "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;"
    "PRAGMA temp_store = FILE; PRAGMA mmap_size = 0; PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF";

// {0} and {1} are the first offset and the one behind the last.
constexpr const char* kCopy = R"(
INSERT INTO topics(topic) SELECT DISTINCT topic FROM earlier.messages WHERE offset >= {0} AND offset < {1};
CREATE TEMP TABLE topic_ids(topic TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;
INSERT INTO topic_ids SELECT topic, id FROM main.topics;
INSERT INTO messages SELECT m.offset, m.arrival_us, t.id, m.payload, m.flags
  FROM earlier.messages m JOIN topic_ids t ON t.topic = m.topic
  WHERE m.offset >= {0} AND m.offset < {1} ORDER BY m.offset;
CREATE TEMP TABLE wanted AS SELECT * FROM earlier.readings WHERE offset >= {0} AND offset < {1};
INSERT INTO series SELECT * FROM earlier.series WHERE id IN (SELECT series FROM wanted);
INSERT INTO words(word) SELECT boot FROM wanted WHERE boot <> '' UNION SELECT unit FROM wanted WHERE unit <> '';
INSERT INTO readings(id, event_us, series, seq, boot, value, time_is_arrival, unit, identity)
  SELECT (r.offset << 16) + r.part, r.event_us, r.series, r.seq, b.id, r.value, r.time_is_arrival, u.id, {2}
  FROM wanted r JOIN words b ON b.word = r.boot JOIN words u ON u.word = r.unit ORDER BY r.series, r.event_us, 1;
INSERT INTO series_topics SELECT DISTINCT r.series, m.topic_id
  FROM readings r JOIN messages m ON m.offset = r.offset;
INSERT INTO aggregates SELECT offset, id, revision, network, window, grp, metric, unit, start_us, end_us, closed_by,
    count, sensors, sum, mean, min, max, stddev, first, last, late, seq_gaps, {3}
  FROM earlier.aggregates WHERE offset >= {0} AND offset < {1} ORDER BY offset;
)";

/// How each of the two schemas of an archive in one file says what came with the second.
std::string sql_of(const Part& part, int schema) {
  return fmt::format(fmt::runtime(kCopy), part.name.first_offset, part.end_offset,
                     schema < 2 ? "NULL" : "r.identity",
                     schema < 2 ? "NULL, 0, 0, 0" : "over, incomplete, retracted, historical");
}

std::vector<Part> divide(SQLite::Database& earlier, std::uint64_t size) {
  std::vector<Part> parts;
  std::uint64_t bytes = 0;
  SQLite::Statement messages(
      earlier, "SELECT offset, arrival_us, length(topic) + length(payload) FROM messages ORDER BY offset");
  while (messages.executeStep()) {
    const std::uint64_t offset = sql::offset_of(messages.getColumn(0));
    const ArchiveDay day = day_of(sql::time_of(messages.getColumn(1)));
    if (parts.empty() || bytes >= size || day > parts.back().name.day) {
      parts.push_back({{offset, day, true}, offset});
      bytes = 0;
    }
    parts.back().end_offset = offset + 1;
    bytes += sql::offset_of(messages.getColumn(2)) + kRowOverhead;
  }
  return parts;
}

/// Takes one archive over, file by file.
class TakeOver {
 public:
  TakeOver(std::filesystem::path earlier, std::filesystem::path folder)
      : earlier_(std::move(earlier)), folder_(std::move(folder)) {}

  ArchiveResult<void> run(std::uint64_t file_size);

 private:
  ArchiveResult<std::vector<Part>> look(std::uint64_t file_size);
  ArchiveResult<void> find_epoch();
  void write(const Part& part, const std::filesystem::path& file);
  ArchiveResult<void> put_in_place(const std::filesystem::path& file, const Part& part);
  ArchiveResult<void> remove_earlier();

  const std::filesystem::path earlier_, folder_;
  int schema_ = 0;
  std::uint64_t epoch_ = 0;
};

ArchiveResult<void> or_try_again(Result<void> done) {
  if (done) return {};
  return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, "archive: " + done.error()});
}

ArchiveResult<void> TakeOver::run(std::uint64_t file_size) {
  const auto parts = look(file_size);
  if (!parts) return std::unexpected(parts.error());
  spdlog::info("archive: '{}' of an earlier version is written into '{}', number of files: {}",
               earlier_.string(), folder_.string(), parts->size());
  auto done = or_try_again(system_files().make_folder(folder_));
  if (done) done = find_epoch();
  for (const Part& part : *parts) {
    std::error_code error;
    if (!done) return done;
    if (std::filesystem::exists(folder_ / to_text(part.name), error)) continue;
    const auto file = folder_ / fmt::format("{:020}.tmp", part.name.first_offset);
    std::filesystem::remove(file, error);
    done = guarded(file, [&] { write(part, file); });
    if (done) done = put_in_place(file, part);
  }
  return done ? remove_earlier() : done;
}

// Opened for writing: what the -wal holds goes into the file.
ArchiveResult<std::vector<Part>> TakeOver::look(std::uint64_t file_size) {
  return guarded(earlier_, [&] {
    SQLite::Database database(earlier_.string(), SQLite::OPEN_READWRITE);
    schema_ = database.execAndGet("PRAGMA user_version").getInt();
    return schema_ == 0 ? std::vector<Part>{} : divide(database, file_size);
  });
}

// That of the files that an earlier start has written.
ArchiveResult<void> TakeOver::find_epoch() {
  epoch_ = draw_epoch();
  const auto names = list_archive(folder_);
  if (!names) return or_try_again(Failure(names.error()));
  if (names->empty()) return {};
  const auto file = folder_ / to_text(names->front());
  const auto database = open_read_only(file, names->front().sealed);
  if (!database) return std::unexpected(database.error());
  return guarded(file, [&] { epoch_ = summarize(**database).epoch; });
}

void TakeOver::write(const Part& part, const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec(kSettings);
  SQLite::Statement attach(database, "ATTACH ? AS earlier");
  attach.bind(1, earlier_.string());
  attach.exec();
  database.exec("BEGIN");
  create_tables(database, Order::series, epoch_, part.name.first_offset);
  database.exec(sql_of(part, schema_));
  create_indexes(database, Order::series);
  FileSummary summary = summarize(database);
  summary.end_offset = part.end_offset;
  write_summary(database, summary);
  database.exec("COMMIT");
}

ArchiveResult<void> TakeOver::put_in_place(const std::filesystem::path& file, const Part& part) {
  FileSystem& files = system_files();
  const auto opened = files.open(file, FileSystem::Open::to_change);
  auto done = opened ? (*opened)->sync() : Result<void>(Failure(opened.error()));
  if (done) done = files.rename(file, folder_ / to_text(part.name));
  if (done) done = files.sync_folder(folder_);
  return or_try_again(done);
}

ArchiveResult<void> TakeOver::remove_earlier() {
  for (const char* end : {"", "-wal", "-shm"}) {
    if (auto done = or_try_again(system_files().remove(earlier_.string() + end)); !done) return done;
  }
  return {};
}

}  // namespace

ArchiveResult<void> take_over_archive(const std::filesystem::path& folder, const ArchiveConfig& config) {
  const auto earlier = folder.parent_path() / "archive.db";
  std::error_code error;
  if (!std::filesystem::exists(earlier, error)) return {};
  auto taken = TakeOver(earlier, folder).run(file_size(config, disk_size(folder.parent_path())));
  if (taken || taken.error().kind != ArchiveFailure::Kind::damaged) return taken;
  spdlog::error("{}: it is set aside", taken.error().text);
  const std::string aside = fmt::format("{}.corrupt.{}", earlier.string(), std::time(nullptr));
  return or_try_again(system_files().rename(earlier, aside));
}

}  // namespace lookout
