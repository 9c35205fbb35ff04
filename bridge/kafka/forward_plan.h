#pragma once

#include <filesystem>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/kafka/forward_source.h"

namespace lookout {

/// Where in an archive that which is wanted may lie.
struct ForwardPlan {
  struct Stretch {
    std::uint64_t first = 0, end = 0;  ///< offsets
  };
  std::uint64_t epoch = 0;
  std::vector<Stretch> stretches;  ///< in order; whole files
};

/// Looks into every file, in short. Fails where there is no archive.
ArchiveResult<ForwardPlan> plan_forward(const std::filesystem::path& archive, const ForwardRange& range);

}  // namespace lookout
