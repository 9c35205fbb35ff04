#pragma once

#include <filesystem>
#include <memory>

#include "bridge/archive/archive.h"

namespace lookout::bench {

/// Readings of JSON, about 80 bytes each, of `sensors` sensors in 20 regions, one of each every `interval` of
/// event time from `start` on, arriving as they are measured; their files closed where they are full.
struct Filling {
  int readings;
  int sensors;
  Timestamp start;
  Microseconds interval;
};

/// What the sensors of a filling publish on: network "bench".
Config filling_config();

/// Ends the program where the archive fails.
std::unique_ptr<Archive> fill_archive(const std::filesystem::path& folder, const Config& config,
                                      const Filling& filling);

}  // namespace lookout::bench
