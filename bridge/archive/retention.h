#pragma once

#include <optional>

#include "bridge/archive/archive_catalogue.h"
#include "common/config.h"

namespace lookout {

/// The oldest file that is not damaged; end() where there is none. Damaged ones are set aside, not removed.
std::vector<ClosedFile>::const_iterator oldest_of(const std::vector<ClosedFile>& files);

/// Whether the oldest file is to go: its newest message is older than retention_age, or all files together,
/// `open_bytes` included, are larger than retention_size. Age needs a clock that can be believed: `now` is
/// nothing where there is none. A file whose stamps lie in the future is as old as what came after it.
bool is_due(const std::vector<ClosedFile>& files, std::uint64_t open_bytes, const ArchiveConfig& limits,
            std::optional<Timestamp> now);

/// Whether a file may go: it was forwarded, or that does not matter.
bool may_go(const FileSummary& file, std::uint64_t forwarded, const ArchiveConfig& limits);

/// How large a file of the archive becomes: a part of retention_size and of the disk, since retention, and
/// who makes room on a full one, take whole files.
std::uint64_t file_size(const ArchiveConfig& limits, std::uint64_t disk_size);

}  // namespace lookout
