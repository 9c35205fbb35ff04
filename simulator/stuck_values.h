#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "simulator/fault_scope.h"

namespace lookout {

/// Repeats the first value of a stuck sensor. Keeps one number for each metric that is stuck.
class StuckValues {
 public:
  /// The field's catalogue must outlive this.
  StuckValues(const std::vector<StuckValue>& faults, const Field& field);

  /// Samples come in order of `now`.
  void apply(Sample& sample, Timestamp now);

 private:
  struct Stuck {
    Affected affected;
    std::string metric;
    std::map<std::pair<std::uint32_t, std::uint32_t>, double> first;  // by sensor and metric
  };
  const Catalogue& catalogue_;
  std::vector<Stuck> faults_;
};

}  // namespace lookout
