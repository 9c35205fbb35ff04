#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tests/support/temp_folder.h"

/// What the targets share. A target throws away what it made after every input, so that a finding can be had
/// again from its input alone.
namespace lookout::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program, which the fuzzer takes for a finding, where something that must hold does not.
inline void demand(bool holds) {
  if (!holds) std::abort();
}

/// A folder for the files of all inputs, in memory where TMPDIR says so; and no word in the log.
inline const std::filesystem::path& folder() {
  static const test::TempFolder folder;
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  (void)quiet;
  return folder.path();
}

}  // namespace lookout::fuzz
