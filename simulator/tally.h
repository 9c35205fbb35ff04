#pragma once

#include <cstdint>

namespace lookout {

/// What was sent, in readings.
struct Tally {
  std::uint64_t published = 0;     ///< without repeats
  std::uint64_t acknowledged = 0;  ///< of those
  std::uint64_t repeats = 0;       ///< sent a second time, on purpose
};

}  // namespace lookout
