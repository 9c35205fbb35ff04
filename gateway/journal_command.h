#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

namespace lookout {

struct JournalCommandOptions {
  std::string action = "list";  ///< list, check or dump
  bool json = false;
  /// What dump prints: the offsets from `from` to before `to`.
  std::uint64_t from = 0, to = std::numeric_limits<std::uint64_t>::max();
};

/// The command journal: looks into the journal in a folder and changes nothing, also while a gateway writes
/// it.
///
///   list   the segments: offsets, sizes, the arrival of the first record
///   check  reads all records; names what is damaged or missing
///   dump   the records as NDJSON, one a line: messages as a recording (gateway/recording.h) with their
///          offset, the others with their kind and what they say of time
///
/// Returns the exit code: 1 when the journal cannot be read, or check found records that are gone.
int journal_command(const std::filesystem::path& folder, const JournalCommandOptions& options);

}  // namespace lookout
