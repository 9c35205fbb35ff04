#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/result.h"

namespace lookout {

/// The topic filters that a session which the broker keeps may hold, in a small file beside the journal: the
/// broker never tells them, and goes on delivering what a former configuration wanted.

/// None where the file is missing, or cannot be read, which the log says.
std::vector<std::string> load_filters(const std::filesystem::path& path);
/// Whole or not at all, also after a power cut.
Result<void> save_filters(const std::filesystem::path& path, const std::vector<std::string>& filters);

}  // namespace lookout
