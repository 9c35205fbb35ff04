#include "bridge/archive/archive_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"

namespace lookout {
namespace {

constexpr RowPlace kBeforeAll{std::numeric_limits<std::int64_t>::min(), 0};

/// A file whose rows are wanted: opened when it is its turn, or before, where it may change.
struct Source {
  std::filesystem::path path;
  bool closed = false;
  RowPlace place{};  ///< of its row; as long as it has none, one that is not behind its first
  bool has_row = false;
  std::unique_ptr<FileRows> rows{};
};

bool is_later(const Source& a, const Source& b) { return a.place > b.place; }

std::string no_archive(const std::filesystem::path& archive) {
  std::error_code error;
  const auto earlier = archive.parent_path() / "archive.db";
  if (std::filesystem::exists(earlier, error)) {
    return fmt::format("archive '{}' is that of an earlier version: lookout-bridge run takes it over",
                       earlier.string());
  }
  return fmt::format("there is no archive '{}': lookout-bridge run makes it", archive.string());
}

/// Where the rows of a closed file may begin; nothing: it holds none that are wanted.
std::optional<RowPlace> begin_of(const FileSummary& summary, const Selection& selection) {
  const Timestamp from = selection.from.value_or(Timestamp::min());
  const Timestamp to = selection.to.value_or(Timestamp::max());
  const auto id = static_cast<std::int64_t>(summary.first_offset << 16);
  const auto begin = [&](const Coverage::Stretch& held) -> std::optional<RowPlace> {
    if (held.to < from || held.from >= to) return std::nullopt;
    return RowPlace{std::max(held.from, from).time_since_epoch().count(), id};
  };
  const bool messages = selection.kind == RowKind::messages;
  if (messages || selection.axis == TimeAxis::arrival) {
    auto place = summary.arrivals ? begin(*summary.arrivals) : std::nullopt;
    if (place && messages) place->time = 0;
    return place;
  }
  const Coverage& held = selection.kind == RowKind::readings ? summary.event_times : summary.windows;
  for (const Coverage::Stretch& stretch : held.stretches()) {
    if (const auto place = begin(stretch)) return place;
  }
  return std::nullopt;
}

// What is measured arrives later, nobody knows how much.
bool concerns(const Gap& gap, const Selection& selection) {
  if (!gap.times) return true;
  const bool by_event = selection.axis == TimeAxis::event && selection.kind != RowKind::messages;
  return (!selection.from || gap.times->to >= *selection.from) &&
         (by_event || !selection.to || gap.times->from < *selection.to);
}

/// One answer from all files.
class Answer {
 public:
  Answer(const Selection& selection, const ArchiveReader::OnRow& on_row)
      : selection_(selection), on_row_(on_row) {}

  /// False: the file went before it could be looked at, or was closed.
  Result<bool> add(const std::filesystem::path& path, bool closed);
  Result<void> run();
  Missing& missing() { return missing_; }

 private:
  Result<void> pass_over(const ArchiveFailure& failure, const std::filesystem::path& file);
  ArchiveResult<std::optional<RowPlace>> look_into(const std::filesystem::path& path, bool closed);
  ArchiveResult<void> open_rows(Source& source);
  ArchiveResult<bool> advance(Source& source);

  const Selection& selection_;
  const ArchiveReader::OnRow& on_row_;
  void push(Source source);
  Source pop();

  std::vector<Source> sources_;  // a heap, the next row in front
  Missing missing_;
};

Result<void> Answer::pass_over(const ArchiveFailure& failure, const std::filesystem::path& file) {
  if (failure.kind == ArchiveFailure::Kind::newer) return Failure(failure.text);
  if (!is_gone(file)) missing_.damaged.push_back(failure.text);
  return {};
}

void Answer::push(Source source) {
  sources_.push_back(std::move(source));
  std::ranges::push_heap(sources_, is_later);
}

Source Answer::pop() {
  std::ranges::pop_heap(sources_, is_later);
  Source source = std::move(sources_.back());
  sources_.pop_back();
  return source;
}

ArchiveResult<std::optional<RowPlace>> Answer::look_into(const std::filesystem::path& path, bool closed) {
  const auto database = open_read_only(path, closed);
  if (!database) return std::unexpected(database.error());
  const auto look = [&]() -> ArchiveResult<std::optional<RowPlace>> {
    if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
    for (Gap& gap : read_gaps(**database)) {
      if (concerns(gap, selection_)) missing_.gaps.push_back(std::move(gap));
    }
    const auto summary = closed ? read_summary(**database) : std::nullopt;
    return summary ? begin_of(*summary, selection_) : kBeforeAll;
  };
  auto looked = guarded(path, look);
  return looked ? std::move(*looked) : std::unexpected(looked.error());
}

Result<bool> Answer::add(const std::filesystem::path& path, bool closed) {
  Source source{.path = path, .closed = closed};
  const auto begin = look_into(path, closed);
  if (begin && !*begin) return true;
  if (begin) source.place = **begin;
  // The rows of a file that is still written are those of now.
  auto ready = begin ? ArchiveResult<void>{} : std::unexpected(begin.error());
  if (ready && !closed) ready = open_rows(source);
  if (ready) {
    push(std::move(source));
    return true;
  }
  if (!closed && is_gone(path)) return false;
  if (auto passed = pass_over(ready.error(), path); !passed) return Failure(passed.error());
  return true;
}

ArchiveResult<void> Answer::open_rows(Source& source) {
  auto rows = FileRows::open(source.path, source.closed, selection_);
  if (!rows) return std::unexpected(std::move(rows.error()));
  source.rows = std::move(*rows);
  return {};
}

ArchiveResult<bool> Answer::advance(Source& source) {
  if (!source.rows) {
    if (auto opened = open_rows(source); !opened) return std::unexpected(std::move(opened.error()));
  }
  auto found = source.rows->next();
  source.has_row = found && *found;
  source.place = source.rows->place();
  return found;
}

Result<void> Answer::run() {
  std::int64_t left = selection_.limit.value_or(std::numeric_limits<std::int64_t>::max());
  while (!sources_.empty() && left > 0) {
    Source source = pop();
    if (source.has_row) {
      if (!on_row_(source.rows->row())) return {};
      --left;
    }
    const auto more = advance(source);
    if (!more) {
      if (auto passed = pass_over(more.error(), source.path); !passed) return passed;
    } else if (*more) {
      push(std::move(source));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::pair<std::filesystem::path, bool>>> files_of(const std::filesystem::path& archive) {
  std::error_code error;
  std::vector<std::pair<std::filesystem::path, bool>> files;
  if (std::filesystem::is_regular_file(archive, error)) {
    const auto name = parse_archive_name(archive.filename().string());
    files.emplace_back(archive, name && name->sealed);
    return files;
  }
  if (!std::filesystem::exists(archive, error) && !error) return Failure(no_archive(archive));
  const auto names = list_archive(archive);
  if (!names) return Failure(names.error());
  for (const ArchiveName& name : *names) files.emplace_back(archive / to_text(name), name.sealed);
  return files;
}

Result<Missing> ArchiveReader::read(const Selection& selection, const OnRow& on_row) {
  for (int i = 0; i < kMostTries; ++i) {
    const auto files = files_of(archive_);
    if (!files) return Failure(files.error());
    Answer answer(selection, on_row);
    bool complete = true;
    for (const auto& [path, closed] : *files) {
      const auto added = answer.add(path, closed);
      if (!added) return Failure(added.error());
      complete = complete && *added;
    }
    if (!complete) continue;  // a file was closed meanwhile, and has another name now
    if (auto done = answer.run(); !done) return Failure(done.error());
    return std::move(answer.missing());
  }
  return Failure(fmt::format("the files of archive '{}' change all the time", archive_.string()));
}

}  // namespace lookout
