#include "bridge/replay/replay_files.h"

#include <fmt/format.h>

#include <algorithm>

namespace lookout {
namespace {

bool is_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error) || error;
}

}  // namespace

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
  for (const ArchiveName& name : *names) {
    File file{name, {}};
    auto looked = look_into(file);
    if (!looked) return Failure(looked.error());
    if (!*looked) continue;
    auto summary = (*looked)->summary();
    auto gaps = (*looked)->gaps();
    if (!summary || !gaps) return Failure(summary ? gaps.error().text : summary.error().text);
    file.summary = std::move(*summary);
    files_.push_back(std::move(file));
    std::ranges::move(*gaps, std::back_inserter(gaps_));
  }
  return {};
}

const ReplayFiles::File& ReplayFiles::holding(std::uint64_t offset) const {
  const auto behind =
      std::ranges::upper_bound(files_, offset, {}, [](const File& file) { return file.name.first_offset; });
  return behind == files_.begin() ? *behind : *std::prev(behind);
}

// A file that is closed is there under its new name before the old one goes.
Result<std::optional<ReplayFile>> ReplayFiles::look_into(const File& file) const {
  for (const bool sealed : {file.name.sealed, true}) {
    ArchiveName name = file.name;
    name.sealed = sealed;
    const auto path = folder_ / to_text(name);
    auto opened = ReplayFile::open(path, sealed);
    if (opened) return std::move(*opened);
    if (is_there(path)) return Failure(opened.error().text);
  }
  return std::nullopt;
}

}  // namespace lookout
