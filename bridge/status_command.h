#pragma once

#include <filesystem>
#include <string>

#include "common/result.h"

namespace lookout {

/// The statistics that the bridge published last, kept in its folder for `status`: also where there is no
/// broker. Not synced: out of date after a power cut, as they would be anyway.
Result<void> save_status(const std::filesystem::path& folder, const std::string& statistics);

/// Prints how the bridge in this folder is: archive, journal, and Kafka with the time to drain. Returns the
/// exit code: 1 where it does not run.
int status_command(const std::filesystem::path& folder, bool json);

}  // namespace lookout
