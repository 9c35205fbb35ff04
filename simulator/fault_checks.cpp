#include "simulator/fault_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "simulator/outages.h"

namespace lookout {
namespace {

Result<void> check_metric(const std::string& name, const Catalogue& catalogue) {
  std::vector<std::string> metrics;
  metrics.reserve(catalogue.metrics.size());
  for (const Catalogue::Metric& metric : catalogue.metrics) metrics.push_back(metric.name);
  if (name.empty() || std::ranges::find(metrics, name) != metrics.end()) return {};
  return Failure(fmt::format("--fault metric={}: there is no such metric; the metrics are {}", name,
                             fmt::join(metrics, ", ")));
}

Result<void> check_scope(const FaultScope& scope, const Catalogue& catalogue) {
  std::set<std::string> regions;
  bool has_sensor = scope.sensor.empty();
  for (const Catalogue::Sensor& sensor : catalogue.sensors) {
    regions.insert(sensor.region);
    has_sensor = has_sensor || sensor.name == scope.sensor;
  }
  if (!has_sensor) {
    return Failure(fmt::format("--fault sensor={}: there is no such sensor; the sensors are {} to {}",
                               scope.sensor, catalogue.sensors.front().name, catalogue.sensors.back().name));
  }
  if (scope.region.empty() || regions.contains(scope.region)) return {};
  return Failure(fmt::format("--fault region={}: there is no sensor; the regions with sensors are {}",
                             scope.region, fmt::join(regions, ", ")));
}

struct Check {
  const Catalogue& catalogue;
  Result<void> operator()(const Spike& fault) const { return check_metric(fault.metric, catalogue); }
  Result<void> operator()(const StuckValue& fault) const {
    auto checked = check_metric(fault.metric, catalogue);
    return checked ? check_scope(fault.scope, catalogue) : checked;
  }
  Result<void> operator()(const Delay&) const { return {}; }
  Result<void> operator()(const auto& fault) const { return check_scope(fault.scope, catalogue); }
};

}  // namespace

Result<void> check_faults(const FaultOptions& options, const Field& field) {
  for (const Fault& fault : options.faults) {
    if (auto checked = std::visit(Check{field.catalogue}, fault); !checked) return checked;
  }
  if (faults_of<Delay>(options).size() > 1) return Failure("--fault kind=delay: accepted is one of them");
  const Outages outages(faults_of<Outage>(options), field);
  for (std::uint32_t sensor = 0; sensor < field.catalogue.sensors.size(); ++sensor) {
    if (!outages.may_never_return(sensor)) continue;
    return Failure(
        fmt::format("--fault kind=offline: two with every=... hit {}: accepted is one for each sensor",
                    field.catalogue.sensors[sensor].name));
  }
  return {};
}

}  // namespace lookout
