#include "simulator/fleet.h"

#include <utility>

#include "simulator/random.h"

namespace lookout {

Fleet::Fleet(Scenario scenario, Timestamp start, Form form, std::uint64_t seed)
    : scenario_(std::move(scenario)), start_(start), form_(form), waveform_(scenario_, seed) {}

Microseconds Fleet::instant() const {
  const auto k = static_cast<std::int64_t>(round_);
  const auto offset = scenario_.interval * sensor_ / static_cast<std::int64_t>(scenario_.sensors);
  return std::chrono::floor<std::chrono::milliseconds>(k * scenario_.interval + offset);
}

void Fleet::advance() {
  if (form_ == Form::one_metric && ++metric_ < scenario_.metrics.size()) return;
  metric_ = 0;
  if (++sensor_ < scenario_.sensors) return;
  sensor_ = 0;
  ++round_;
}

bool Fleet::next(Sample& sample) {
  const Microseconds since_start = instant();
  if (!endless_ && since_start >= scenario_.duration) return false;
  sample.event_time = start_ + since_start;
  sample.seq = round_;
  sample.sensor = sensor_;
  sample.values.clear();
  const auto metrics = static_cast<std::uint32_t>(scenario_.metrics.size());
  const std::uint32_t end = form_ == Form::combined ? metrics : metric_ + 1;
  for (std::uint32_t metric = metric_; metric < end; ++metric) {
    sample.values.push_back({metric, waveform_.at(sensor_, metric, round_, since_start)});
  }
  advance();
  return true;
}

Catalogue make_catalogue(const Scenario& scenario, std::uint64_t seed) {
  Catalogue catalogue;
  catalogue.network = scenario.network;
  catalogue.boot = make_boot(seed);
  for (std::size_t i = 0; i < scenario.sensors; ++i) {
    catalogue.sensors.push_back({region_of(scenario, i), sensor_name(i, scenario.sensors)});
  }
  for (const MetricModel& metric : scenario.metrics) {
    catalogue.metrics.push_back({metric.name, metric.unit, metric_key(metric.name)});
  }
  return catalogue;
}

std::uint16_t make_boot(std::uint64_t seed) {
  return static_cast<std::uint16_t>(Random(seed).bits(Purpose::boot, 0, 0, 0) >> 48U);
}

}  // namespace lookout
