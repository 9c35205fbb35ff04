#include "simulator/reboots.h"

namespace lookout {

Reboots::Reboots(const std::vector<Reboot>& faults, const Field& field) {
  for (const Reboot& fault : faults) {
    faults_.emplace_back(fault.scope, field, Purpose::reboot_sensors, faults_.size());
  }
}

void Reboots::apply(Sample& sample, Timestamp now) {
  std::uint64_t count = 0;
  for (const Affected& fault : faults_) count += fault.begun(sample.sensor, now);
  if (count == 0) return;
  Boot& boot = boots_[sample.sensor];
  if (boot.count != count) boot = {static_cast<std::uint32_t>(count), sample.seq};
  sample.seq -= boot.first_seq;
  sample.boots = boot.count;
}

}  // namespace lookout
