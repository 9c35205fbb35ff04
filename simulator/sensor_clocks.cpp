#include "simulator/sensor_clocks.h"

#include <cmath>

namespace lookout {
namespace {

constexpr double kSecondsOfDay = 86'400;

// How far the clock is ahead when it has been wrong for so long.
Microseconds error(const WrongClock& fault, Timestamp began, Microseconds since) {
  if (fault.reset) return Timestamp{} - began;
  if (fault.drift != 0) {
    return Microseconds{std::llround(static_cast<double>(since.count()) * fault.drift / kSecondsOfDay)};
  }
  const bool right = fault.flap > Microseconds{0} && since / fault.flap % 2 == 1;
  return right ? Microseconds{0} : fault.offset;
}

}  // namespace

SensorClocks::SensorClocks(const std::vector<WrongClock>& faults, const Field& field)
    : data_start_(field.start) {
  for (const WrongClock& fault : faults) {
    clocks_.push_back({fault, Affected(fault.scope, field, Purpose::clock_sensors, clocks_.size())});
  }
}

void SensorClocks::apply(Sample& sample, Timestamp now) const {
  for (const Clock& clock : clocks_) {
    const auto since = clock.affected.since(sample.sensor, now);
    if (!since) continue;
    sample.event_time += error(clock.fault, data_start_ + clock.fault.scope.start, *since);
    sample.event_time = std::chrono::floor<std::chrono::milliseconds>(sample.event_time);
  }
}

}  // namespace lookout
