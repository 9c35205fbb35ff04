#include "bridge/days/day_changes.h"

#include <algorithm>
#include <optional>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

void note(DayChanges& changes, std::chrono::sys_days day, std::uint64_t offset) {
  std::uint64_t& newest = changes.newest[day];
  newest = std::max(newest, offset);
}

void read_changes(SQLite::Database& database, std::uint64_t since, const SummarizedDays& days,
                  DayChanges& changes) {
  SQLite::Statement found(database,
                          "SELECT event_us / 86400000000, max(id) >> 16 FROM readings NOT INDEXED "
                          "WHERE id >= ? AND event_us >= 0 GROUP BY 1");
  found.bind(1, sql::value_of(since << 16));
  while (found.executeStep()) {
    const std::chrono::sys_days day{std::chrono::days{found.getColumn(0).getInt64()}};
    if (days.contains(day)) note(changes, day, sql::offset_of(found.getColumn(1)));
  }
}

void look_into_closed(SQLite::Database& database, const FileSummary& summary, std::uint64_t since,
                      const SummarizedDays& days, DayChanges& changes) {
  bool is_to_read = false;
  for (const auto& [day, summarized] : days) {
    if (!summary.event_times.may_hold(day, day + std::chrono::days{1} - Microseconds{1})) continue;
    if (summarized == 0) note(changes, day, summary.end_offset - 1);
    is_to_read = is_to_read || (summarized > 0 && summarized < summary.end_offset);
  }
  if (is_to_read) read_changes(database, since, days, changes);
}

void look_into(SQLite::Database& database, bool closed, std::uint64_t since, const SummarizedDays& days,
               DayChanges& changes) {
  const SQLite::Transaction one_state(database);
  if (const auto summary = closed ? read_summary(database) : std::nullopt) {
    if (summary->end_offset <= since) return;
    look_into_closed(database, *summary, since, days, changes);
    changes.end = std::max(changes.end, summary->end_offset);
    return;
  }
  read_changes(database, since, days, changes);
  SQLite::Statement end(database, "SELECT coalesce(max(offset) + 1, 0) FROM messages");
  if (end.executeStep()) changes.end = std::max(changes.end, sql::offset_of(end.getColumn(0)));
}

ArchiveResult<void> look_into(const std::filesystem::path& path, bool closed, std::uint64_t since,
                              const SummarizedDays& days, DayChanges& changes) {
  const auto database = open_read_only(path, closed);
  if (!database) return std::unexpected(database.error());
  const auto looked = guarded(path, [&]() -> ArchiveResult<void> {
    if (auto known = check_schema(**database, path); !known) return known;
    look_into(**database, closed, since, days, changes);
    return {};
  });
  return looked ? *looked : std::unexpected(looked.error());
}

}  // namespace

Result<DayChanges> find_changes(const std::filesystem::path& archive, std::uint64_t since,
                                const SummarizedDays& days) {
  const auto names = list_archive(archive);
  if (!names) return Failure(names.error());
  DayChanges changes{.newest = {}, .end = since};
  for (auto name = names->begin(); name != names->end(); ++name) {
    const auto next = name + 1;
    if (next != names->end() && next->first_offset <= since) continue;
    const auto looked = look_into(archive / to_text(*name), name->sealed, since, days, changes);
    // The rest waits for the next look where a file cannot be read because it was just closed.
    if (!looked && looked.error().kind != ArchiveFailure::Kind::damaged) return Failure(looked.error().text);
  }
  return changes;
}

}  // namespace lookout
