#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// The statistics that the bridge published last, kept in its folder for `status`: also where there is no
/// broker. Not synced: out of date after a power cut, as they would be anyway.
Result<void> save_status(const std::filesystem::path& folder, const std::string& statistics);

/// Why nobody may rely on the archive's being up to date: the bridge in this folder does not run (its figures
/// are older than 30 s), takes nothing, has no room, or is more than a batch behind. Nothing where it keeps
/// up.
struct Behind {
  std::string why{};      ///< a sentence
  bool may_pass = false;  ///< it is at work: the next figures, in 10 s, may be better
};
std::optional<Behind> is_behind(const std::filesystem::path& folder, Timestamp now);

/// Prints how the bridge in this folder is: archive, journal, and Kafka with the time to drain. Returns the
/// exit code: 1 where it does not run.
int status_command(const std::filesystem::path& folder, bool json);

}  // namespace lookout
