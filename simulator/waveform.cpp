#include "simulator/waveform.h"

#include <algorithm>
#include <cmath>

#include "common/duration.h"

namespace lookout {
namespace {

std::vector<std::optional<Microseconds>> reach(const Scenario& scenario, const Fire& fire) {
  std::vector<std::optional<Microseconds>> times(scenario.sensors);
  Microseconds time = fire.start;
  for (std::size_t i = 0; i < scenario.sensors; ++i) {
    const bool burns = (fire.region.empty() || fire.region == region_of(scenario, i)) &&
                       (fire.sensor.empty() || fire.sensor == sensor_name(i, scenario.sensors));
    if (!burns) continue;
    times[i] = time;
    time += fire.spread;
  }
  return times;
}

}  // namespace

double fire_strength(const Fire& fire, Microseconds since_reached) {
  if (since_reached < Microseconds{0}) return 0;
  const Microseconds phase = fire.every > Microseconds{0} ? since_reached % fire.every : since_reached;
  if (phase >= fire.duration) return 0;
  return phase < fire.ramp ? to_seconds(phase) / to_seconds(fire.ramp) : 1;
}

double round_to_hundredths(double value) { return std::round(value * 100) / 100 + 0.0; }

Waveform::Waveform(const Scenario& scenario, std::uint64_t seed) : random_(seed), metrics_(scenario.metrics) {
  for (const MetricModel& metric : metrics_) keys_.push_back(metric_key(metric.name));
  for (const Fire& fire : scenario.fires) {
    Blaze blaze{fire, {}, reach(scenario, fire)};
    for (const MetricModel& metric : metrics_) {
      const auto rise = fire.rise.find(metric.name);
      blaze.rise.push_back(rise == fire.rise.end() ? 0 : rise->second);
    }
    blazes_.push_back(std::move(blaze));
  }
}

double Waveform::rise(std::size_t sensor, std::size_t metric, Microseconds since_start) const {
  double sum = 0;
  for (const Blaze& blaze : blazes_) {
    const auto& reached = blaze.reaches[sensor];
    if (reached) sum += blaze.rise[metric] * fire_strength(blaze.fire, since_start - *reached);
  }
  return sum;
}

double Waveform::at(std::size_t sensor, std::size_t metric, std::uint64_t index,
                    Microseconds since_start) const {
  const MetricModel& model = metrics_[metric];
  double value = model.baseline + rise(sensor, metric, since_start);
  if (model.noise > 0) value += model.noise * random_.normal(sensor, keys_[metric], index);
  if (model.minimum) value = std::max(value, *model.minimum);
  return round_to_hundredths(value);
}

}  // namespace lookout
