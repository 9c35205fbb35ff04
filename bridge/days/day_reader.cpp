#include "bridge/days/day_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/sql_values.h"

namespace lookout {
namespace {

/// What must be known of a file before it is read.
struct Look {
  std::vector<Gap> gaps{};
  std::uint64_t first_offset = 0, end_offset = 0;
  std::optional<Timestamp> first_arrival{};
  bool holds_some = false;
};

bool open_file_holds(SQLite::Database& database, const DaySelection& selection) {
  SQLite::Statement any(database,
                        "SELECT EXISTS(SELECT 1 FROM readings INDEXED BY readings_by_time WHERE "
                        "event_us / 600000000 >= ?1 / 600000000 AND event_us / 600000000 <= ?2 / 600000000 "
                        "AND event_us >= ?1 AND event_us < ?2)");
  any.bind(1, sql::value_of(selection.from));
  any.bind(2, sql::value_of(selection.to));
  return any.executeStep() && any.getColumn(0).getInt() != 0;
}

void look_into_open(SQLite::Database& database, const DaySelection& selection, Look& look) {
  SQLite::Statement file(
      database,
      "SELECT first_offset, coalesce((SELECT max(offset) + 1 FROM messages), "
      "first_offset), (SELECT arrival_us FROM messages ORDER BY offset LIMIT 1) FROM file");
  if (!file.executeStep()) return;
  look.first_offset = sql::offset_of(file.getColumn(0));
  look.end_offset = sql::offset_of(file.getColumn(1));
  if (!file.getColumn(2).isNull()) look.first_arrival = sql::time_of(file.getColumn(2));
  look.holds_some = open_file_holds(database, selection);
}

Look look_at(SQLite::Database& database, bool closed, const DaySelection& selection) {
  Look look;
  look.gaps = read_gaps(database);
  const auto summary = closed ? read_summary(database) : std::nullopt;
  if (!summary) {
    look_into_open(database, selection, look);
    return look;
  }
  look.first_offset = summary->first_offset;
  look.end_offset = summary->end_offset;
  if (summary->arrivals) look.first_arrival = summary->arrivals->from;
  look.holds_some = summary->event_times.may_hold(selection.from, selection.to - Microseconds{1});
  return look;
}

// What is measured arrives later, nobody knows how much.
bool concerns(const Gap& gap, const DaySelection& day) { return !gap.times || gap.times->to >= day.from; }

}  // namespace

Result<DayContents> DayReader::read(const DaySelection& selection, const OnSeries& on_series,
                                    const OnReading& on_reading) {
  for (int i = 0; i < kMostTries; ++i) {
    const auto all_there = open_all(selection);
    if (!all_there) return Failure(all_there.error());
    if (!*all_there) continue;  // a file was closed meanwhile, and has another name now
    for (Source& source : sources_) next_series(source);
    while (true) {
      const SeriesNames* first = nullptr;
      for (const Source& source : sources_) {
        if (source.has_series && (!first || source.file->series() < *first)) first = &source.file->series();
      }
      if (!first) return std::move(contents_);
      const SeriesNames series = *first;
      if (!on_series(series)) return std::move(contents_);
      read_series(series, on_reading);
    }
  }
  return Failure(fmt::format("the files of archive '{}' change all the time", archive_.string()));
}

Result<bool> DayReader::open_all(const DaySelection& selection) {
  sources_.clear();
  contents_ = {};
  const auto files = files_of(archive_);
  if (!files) return Failure(files.error());
  for (const auto& [path, closed] : *files) {
    const auto added = add(path, closed, selection);
    if (!added) return Failure(added.error());
    if (*added == Added::gone) return false;
  }
  return true;
}

Result<DayReader::Added> DayReader::add(const std::filesystem::path& path, bool closed,
                                        const DaySelection& selection) {
  const auto wanted = look_into(path, closed, selection);
  auto opened =
      wanted && *wanted ? DayFile::open(path, closed, selection) : ArchiveResult<std::unique_ptr<DayFile>>{};
  if (wanted && opened) {
    if (*opened) sources_.push_back({.file = std::move(*opened)});
    return Added::yes;
  }
  const ArchiveFailure& failure = wanted ? opened.error() : wanted.error();
  if (failure.kind == ArchiveFailure::Kind::newer) return Failure(failure.text);
  // Closed, or taken by retention: in both cases the list of files is another now.
  if (is_gone(path)) return Added::gone;
  contents_.missing.damaged.push_back(failure.text);
  return Added::yes;
}

ArchiveResult<bool> DayReader::look_into(const std::filesystem::path& path, bool closed,
                                         const DaySelection& selection) {
  const auto database = open_read_only(path, closed);
  if (!database) return std::unexpected(database.error());
  const auto look = guarded(path, [&]() -> ArchiveResult<Look> {
    if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
    return look_at(**database, closed, selection);
  });
  if (!look) return std::unexpected(look.error());
  if (!*look) return std::unexpected(look->error());
  const Look& seen = **look;
  for (const Gap& gap : seen.gaps) {
    if (concerns(gap, selection)) contents_.missing.gaps.push_back(gap);
  }
  const bool is_first = contents_.end_offset == 0;
  if (is_first && seen.first_offset > 0 && seen.first_arrival && *seen.first_arrival > selection.from)
    contents_.begin_is_gone = true;
  contents_.end_offset = std::max(contents_.end_offset, seen.end_offset);
  return seen.holds_some;
}

void DayReader::pass_over(const ArchiveFailure& failure, Source& source) {
  contents_.missing.damaged.push_back(failure.text);
  source.has_series = source.has_reading = false;
}

void DayReader::next_series(Source& source) {
  const auto found = source.file->next_series();
  source.has_series = found && *found;
  if (!found) pass_over(found.error(), source);
}

void DayReader::next_reading(Source& source) {
  const auto found = source.file->next();
  source.has_reading = found && *found;
  if (!found) pass_over(found.error(), source);
}

void DayReader::read_series(const SeriesNames& series, const OnReading& on_reading) {
  std::vector<Source*> concerned;
  for (Source& source : sources_) {
    if (source.has_series && source.file->series() == series) concerned.push_back(&source);
  }
  for (Source* source : concerned) next_reading(*source);
  const auto place = [](const Source* source) {
    return std::pair(source->file->reading().event_time, source->file->id());
  };
  while (true) {
    Source* next = nullptr;
    for (Source* source : concerned) {
      if (source->has_reading && (!next || place(source) < place(next))) next = source;
    }
    if (!next) break;
    on_reading(next->file->reading());
    next_reading(*next);
  }
  for (Source* source : concerned) {
    if (source->has_series) next_series(*source);
  }
}

}  // namespace lookout
