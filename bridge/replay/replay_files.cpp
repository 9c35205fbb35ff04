#include "bridge/replay/replay_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/archive/listed_file.h"

namespace lookout {
Result<ReplayFiles> ReplayFiles::open(std::filesystem::path folder) {
  ReplayFiles files(std::move(folder));
  if (!is_there(files.folder_)) {
    return Failure(
        fmt::format("there is no archive '{}': lookout-bridge run makes it", files.folder_.string()));
  }
  auto done = files.read();
  return done ? Result<ReplayFiles>(std::move(files)) : Failure(done.error());
}

Result<void> ReplayFiles::read() {
  const auto names = list_archive(folder_);
  if (!names) return Failure(names.error());
  struct Told {
    FileSummary summary;
    std::vector<Gap> gaps;
  };
  for (const ArchiveName& name : *names) {
    File file{name, {}};
    auto told = ask(file, [](ReplayFile& looked) -> ArchiveResult<Told> {
      auto summary = looked.summary();
      auto gaps = summary ? looked.gaps() : std::unexpected(summary.error());
      if (!gaps) return std::unexpected(std::move(gaps.error()));
      return Told{std::move(*summary), std::move(*gaps)};
    });
    if (!told) return Failure(told.error());
    if (!*told) continue;
    file.summary = std::move((*told)->summary);
    files_.push_back(std::move(file));
    std::ranges::move((*told)->gaps, std::back_inserter(gaps_));
  }
  return {};
}

const ReplayFiles::File& ReplayFiles::holding(std::uint64_t offset) const {
  const auto behind =
      std::ranges::upper_bound(files_, offset, {}, [](const File& file) { return file.name.first_offset; });
  return behind == files_.begin() ? *behind : *std::prev(behind);
}

Result<std::optional<ReplayFile>> ReplayFiles::look_into(const File& file) const {
  if (left_.contains(file.name.first_offset)) return std::nullopt;
  auto opened = open_listed(folder_, file.name, ReplayFile::open);
  if (opened && *opened) return std::move(*opened);
  const auto failure =
      opened ? ArchiveFailure{ArchiveFailure::Kind::damaged,
                              fmt::format("archive '{}' went with retention while the replay ran",
                                          (folder_ / to_text(file.name)).string())}
             : std::move(opened.error());
  if (auto passed = pass_over(file, failure); !passed) return Failure(passed.error());
  return std::nullopt;
}

Result<void> ReplayFiles::pass_over(const File& file, const ArchiveFailure& failure) const {
  if (failure.kind != ArchiveFailure::Kind::damaged) return Failure(failure.text);
  left_.insert(file.name.first_offset);
  passed_over_.push_back(failure.text + ": passed over");
  return {};
}

}  // namespace lookout
