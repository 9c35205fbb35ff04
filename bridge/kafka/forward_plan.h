#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/kafka/forward_source.h"

namespace lookout {

/// Where in an archive that which is wanted may lie.
struct ForwardPlan {
  struct Stretch {
    std::uint64_t first = 0, end = 0;  ///< offsets
  };
  struct Damaged {
    std::uint64_t first_offset = 0;  ///< of the file
    std::string why;                 ///< a sentence that names it
  };
  std::uint64_t epoch = 0;
  std::vector<Stretch> stretches;  ///< in order; whole files
  std::vector<Damaged> damaged;    ///< files that may hold something of it, too
};

/// Looks into every file, in short. Fails where there is no archive, or none that can be read.
ArchiveResult<ForwardPlan> plan_forward(const std::filesystem::path& archive, const ForwardRange& range);

}  // namespace lookout
