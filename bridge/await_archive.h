#pragma once

#include <filesystem>
#include <memory>

#include "bridge/archive/archive.h"
#include "common/config.h"

namespace lookout {

/// Opens the archive of a bridge, that of an earlier version included. Where it cannot be opened now (no
/// right to write, no room to take the earlier one over) it waits and tries on until SIGTERM or SIGINT: the
/// broker queues meanwhile, and the log and `status`, in the bridge's folder, say why. A null pointer: the
/// signal came first. Fails where waiting is of no use. Made before any other thread.
ArchiveResult<std::unique_ptr<Archive>> await_archive(const Config& config,
                                                      const std::filesystem::path& folder);

}  // namespace lookout
