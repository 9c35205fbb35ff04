#pragma once

#include <utility>
#include <vector>

#include "simulator/fault_options.h"

namespace lookout {

/// Turns even draws into delays. Pure.
class DelayModel {
 public:
  /// At most one; none: no delay.
  explicit DelayModel(std::vector<Delay> delays) : delays_(std::move(delays)) {}

  /// `draw` in [0, 1). The inverse of the distribution function: straight from one quantile to the next, from
  /// 0 on.
  [[nodiscard]] Microseconds at(double draw) const;

 private:
  const std::vector<Delay> delays_;
};

}  // namespace lookout
