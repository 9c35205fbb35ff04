#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "simulator/fault_scope.h"

namespace lookout {

/// Counts boots, and seq from 0 after each. Keeps two numbers for each sensor that has rebooted.
class Reboots {
 public:
  Reboots(const std::vector<Reboot>& faults, const Field& field);

  /// Samples come in order of `now`, and those of one instant share their seq.
  void apply(Sample& sample, Timestamp now);

 private:
  struct Boot {
    std::uint32_t count = 0;
    std::uint64_t first_seq = 0;  // at its source
  };
  std::vector<Affected> faults_;
  std::unordered_map<std::uint32_t, Boot> boots_;  // by sensor
};

}  // namespace lookout
