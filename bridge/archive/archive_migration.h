#pragma once

#include <filesystem>

#include "bridge/archive/archive_failure.h"
#include "common/config.h"

namespace lookout {

/// Takes over the archive of an earlier version, one file archive.db beside the archive's `folder`: writes
/// its messages into closed files of the usual size, and removes it when all are there. Nothing where there
/// is none. Killed in the middle it goes on at the next start with the file that was not whole. Needs room
/// for the archive a second time. To be called before Archive::open().
ArchiveResult<void> take_over_archive(const std::filesystem::path& folder, const ArchiveConfig& config);

}  // namespace lookout
