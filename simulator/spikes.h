#pragma once

#include <utility>
#include <vector>

#include "simulator/fault_scope.h"

namespace lookout {

/// Adds spikes to values.
class Spikes {
 public:
  /// The field's catalogue must outlive this.
  Spikes(std::vector<Spike> spikes, const Field& field) : field_(field), spikes_(std::move(spikes)) {}

  void apply(Sample& sample) const;

 private:
  const Field field_;
  const std::vector<Spike> spikes_;
};

}  // namespace lookout
