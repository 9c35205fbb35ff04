#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace lookout::test {

/// A folder of the case data, which the environment variable LOOKOUT_CASES names. Nothing where it is absent:
/// the test has then said that it is skipped.
std::optional<std::filesystem::path> case_folder(const std::string& name);

}  // namespace lookout::test
