#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// The folder of the archive's files inside [box] state.
std::filesystem::path archive_folder(const std::filesystem::path& state);

using ArchiveDay = std::chrono::sys_days;

/// The UTC day of an arrival.
ArchiveDay day_of(Timestamp time);

/// What the name of an archive's file says: `00000000000000001234-2026-11-22.db`, and with `.open.db` at the
/// end as long as it is written, or waits to be closed.
struct ArchiveName {
  std::uint64_t first_offset = 0;
  ArchiveDay day{};
  bool sealed = false;
  auto operator<=>(const ArchiveName&) const = default;
};

std::string to_text(const ArchiveName& name);
/// Nothing for other files: those set aside, half-made ones, -wal and -shm.
std::optional<ArchiveName> parse_archive_name(std::string_view text);

/// The archive's files by first offset; of one that is there both closed and as it was before, the closed
/// one. Fails where the folder cannot be read; none where it does not exist.
Result<std::vector<ArchiveName>> list_archive(const std::filesystem::path& folder);

}  // namespace lookout
