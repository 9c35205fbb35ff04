#pragma once

#include <vector>

#include "simulator/fault_scope.h"

namespace lookout {

/// Makes event times wrong. Where several faults hit a sensor, their errors add up.
class SensorClocks {
 public:
  SensorClocks(const std::vector<WrongClock>& faults, const Field& field);

  /// `now` is the true time. The event time stays a whole millisecond.
  void apply(Sample& sample, Timestamp now) const;

 private:
  struct Clock {
    WrongClock fault;
    Affected affected;
  };
  const Timestamp data_start_;
  std::vector<Clock> clocks_;
};

}  // namespace lookout
