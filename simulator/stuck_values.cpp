#include "simulator/stuck_values.h"

namespace lookout {

StuckValues::StuckValues(const std::vector<StuckValue>& faults, const Field& field)
    : catalogue_(field.catalogue) {
  for (const StuckValue& fault : faults) {
    faults_.push_back(
        {Affected(fault.scope, field, Purpose::stuck_sensors, faults_.size()), fault.metric, {}});
  }
}

void StuckValues::apply(Sample& sample, Timestamp now) {
  for (Stuck& fault : faults_) {
    if (!fault.affected.since(sample.sensor, now)) continue;
    for (Sample::Value& value : sample.values) {
      if (!fault.metric.empty() && fault.metric != catalogue_.metrics[value.metric].name) continue;
      value.number = fault.first.try_emplace({sample.sensor, value.metric}, value.number).first->second;
    }
  }
}

}  // namespace lookout
