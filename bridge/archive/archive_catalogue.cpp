#include "bridge/archive/archive_catalogue.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <numeric>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "common/file_system.h"

namespace lookout {
namespace {

constexpr std::string_view kHalfMade = ".tmp";
constexpr std::string_view kAside = ".corrupt.";
constexpr std::array kOfOneFile{"", "-wal", "-shm"};

ArchiveResult<void> or_try_again(Result<void> done) {
  if (done) return {};
  return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, "archive: " + done.error()});
}

// 0 where that cannot be told: what is not known makes nothing go.
std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

bool is_log(std::string_view name) { return name.ends_with("-wal") || name.ends_with("-shm"); }

// A new file is killed before its tables are there, or lost its -wal before the first checkpoint.
bool is_empty_database(const std::filesystem::path& file) {
  const auto empty = guarded(file, [&] {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    return database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
  });
  return empty && *empty;
}

}  // namespace

std::filesystem::path ArchiveCatalogue::path_while_sealing(const ArchiveName& name) const {
  return folder_ / fmt::format("{:020}{}", name.first_offset, kHalfMade);
}

ArchiveResult<ArchiveCatalogue> ArchiveCatalogue::open(std::filesystem::path folder) {
  ArchiveCatalogue catalogue(std::move(folder));
  auto done = or_try_again(system_files().make_folder(catalogue.folder_));
  if (done) done = catalogue.mend();
  if (done) done = catalogue.read();
  if (!done) return std::unexpected(std::move(done.error()));
  return catalogue;
}

ArchiveResult<void> ArchiveCatalogue::mend() {
  FileSystem& files = system_files();
  const auto entries = files.list(folder_);
  if (!entries) return or_try_again(Failure(entries.error()));
  const auto is_there = [&](const std::string& name) {
    return std::ranges::find(*entries, name, &FileSystem::Entry::name) != entries->end();
  };
  for (const FileSystem::Entry& entry : *entries) {
    const std::string_view entry_name = entry.name;
    bool left_over = entry_name.find(kHalfMade) != std::string_view::npos;
    if (is_log(entry_name)) {
      // What the log belonged to went first.
      left_over = left_over || !is_there(entry.name.substr(0, entry.name.size() - 4));
    } else if (auto name = parse_archive_name(entry_name); name && !name->sealed) {
      name->sealed = true;
      if (is_there(to_text(*name))) left_over = true;
      if (!left_over && is_empty_database(folder_ / entry.name)) left_over = true;
    }
    if (!left_over) continue;
    if (auto removed = or_try_again(files.remove(folder_ / entry.name)); !removed) return removed;
  }
  for (const FileSystem::Entry& entry : *entries) {
    const auto aside = entry.name.find(kAside);
    if (aside == std::string::npos) continue;
    if (const auto name = parse_archive_name(entry.name.substr(0, aside)))
      newest_aside_ = std::max(newest_aside_.value_or(0), name->first_offset);
  }
  return {};
}

ArchiveResult<void> ArchiveCatalogue::read() {
  auto names = list_archive(folder_);
  if (!names) return or_try_again(Failure(names.error()));
  if (!names->empty() && !names->back().sealed) {
    open_ = names->back();
    names->pop_back();
  }
  for (const ArchiveName& name : *names) {
    auto file = read_closed(name);
    if (!file && file.error().kind != ArchiveFailure::Kind::damaged)
      return std::unexpected(std::move(file.error()));
    closed_.push_back(file ? std::move(*file)
                           : ClosedFile{name, {.first_offset = name.first_offset}, 0, file.error().text});
  }
  // How far the newest went shows when the next message comes.
  while (!open_ && !closed_.empty() && closed_.back().damage) {
    if (auto done = set_aside(closed_.back().name.first_offset); !done) return done;
  }
  return {};
}

ArchiveResult<ClosedFile> ArchiveCatalogue::read_closed(const ArchiveName& name) const {
  const auto path = path_of(name);
  auto database = open_read_only(path, name.sealed);
  if (!database) return std::unexpected(std::move(database.error()));
  auto summary = guarded(path, [&]() -> ArchiveResult<FileSummary> {
    if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
    return summarize(**database);
  });
  if (!summary) return std::unexpected(std::move(summary.error()));
  if (!*summary) return std::unexpected(std::move(summary->error()));
  return ClosedFile{name, std::move(**summary), size_of(path)};
}

std::uint64_t ArchiveCatalogue::closed_bytes() const {
  return std::accumulate(closed_.begin(), closed_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const ClosedFile& file) { return sum + file.bytes; });
}

std::vector<ClosedFile>::iterator ArchiveCatalogue::find(std::uint64_t first_offset) {
  return std::ranges::find(closed_, first_offset,
                           [](const ClosedFile& file) { return file.name.first_offset; });
}

void ArchiveCatalogue::close(FileSummary summary) {
  closed_.push_back({*open_, std::move(summary), size_of(path_of(*open_))});
  open_.reset();
}

ArchiveResult<void> ArchiveCatalogue::seal(std::uint64_t first_offset) {
  ClosedFile& file = *find(first_offset);
  const ArchiveName before{first_offset, file.name.day, false}, after{first_offset, file.name.day, true};
  FileSystem& files = system_files();
  Result<void> done;
  // It is gone where the renaming succeeded, and what comes behind it failed.
  if (!is_gone(path_while_sealing(before))) done = files.rename(path_while_sealing(before), path_of(after));
  if (done) done = files.sync_folder(folder_);
  if (!done) return or_try_again(done);
  file.name = after;
  file.bytes = size_of(path_of(after));
  return remove_files(before);
}

ArchiveResult<void> ArchiveCatalogue::remove_files(const ArchiveName& name) {
  // The file first: who finds its log alone knows that it can go, who finds it without its log does not.
  for (const char* end : kOfOneFile) {
    if (auto done = or_try_again(system_files().remove(path_of(name).string() + end)); !done) return done;
  }
  return {};
}

ArchiveResult<void> ArchiveCatalogue::remove(std::uint64_t first_offset) {
  const auto file = find(first_offset);
  ArchiveResult<void> removed;
  // Of a sealing that has not ended there are both.
  for (const bool sealed : {true, false}) {
    if (removed) removed = remove_files({first_offset, file->name.day, sealed});
  }
  if (removed) closed_.erase(file);
  return removed;
}

ArchiveResult<void> ArchiveCatalogue::move_aside(const ArchiveName& name, const std::string& why) {
  spdlog::error("{}: the file is set aside", why);
  for (const char* end : kOfOneFile) {
    const std::string from = path_of(name).string() + end;
    std::error_code error;
    if (!std::filesystem::exists(from, error)) continue;
    const std::string to = fmt::format("{}{}{}{}", path_of(name).string(), kAside, std::time(nullptr), end);
    if (auto done = or_try_again(system_files().rename(from, to)); !done) return done;
  }
  newest_aside_ = std::max(newest_aside_.value_or(0), name.first_offset);
  return or_try_again(system_files().sync_folder(folder_));
}

Gap ArchiveCatalogue::give_up(std::uint64_t first_offset, const std::string& why) {
  const auto file = find(first_offset);
  file->damage = why;
  const auto next = file + 1;
  const bool is_last = next == closed_.end();
  Gap gap{.first_offset = first_offset,
          .end_offset = file->summary.end_offset,
          .why = "corrupt",
          .times = file->summary.arrivals,
          .noted = {}};
  if (!is_last) gap.end_offset = next->name.first_offset;
  if (is_last && open_) gap.end_offset = open_->first_offset;
  // Of a file that says nothing the names tell the days.
  if (!gap.times && (!is_last || open_)) {
    const ArchiveDay last = is_last ? open_->day : next->name.day;
    gap.times = Coverage::Stretch{file->name.day, std::max(file->name.day, last) + std::chrono::days{1}};
  }
  return gap;
}

ArchiveResult<void> ArchiveCatalogue::set_aside(std::uint64_t first_offset) {
  const auto file = find(first_offset);
  auto done = move_aside(file->name, *file->damage);
  if (done) closed_.erase(file);
  return done;
}

ArchiveResult<void> ArchiveCatalogue::set_open_aside(const std::string& why) {
  auto done = move_aside(*open_, why);
  if (done) open_.reset();
  return done;
}

}  // namespace lookout
