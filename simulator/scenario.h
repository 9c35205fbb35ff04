#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// How one metric behaves without a fire: baseline + noise * N(0, 1), not below the minimum.
struct MetricModel {
  std::string name, unit;
  double baseline = 0, noise = 0;
  std::optional<double> minimum;
};

/// Raises metrics for a while. Times count from the scenario's start.
struct Fire {
  std::string region, sensor;  ///< what burns; both empty: everything
  Microseconds start{};
  Microseconds duration = std::chrono::minutes{15};
  Microseconds every{};                ///< burns again after this time; 0: once
  Microseconds ramp{};                 ///< until the full rise is reached, in a straight line; 0: at once
  Microseconds spread{};               ///< delay from sensor to sensor, in the order in which they were dealt
  std::map<std::string, double> rise;  ///< by metric
};

/// A simulated network. Plain data; check() says whether it makes sense.
struct Scenario {
  std::string network = "wildfire";
  std::size_t sensors = 50;
  std::vector<std::string> regions{"north", "south", "east", "west", "central"};
  Microseconds interval = std::chrono::seconds{30};
  Microseconds duration = std::chrono::hours{2};
  Microseconds alignment =
      std::chrono::milliseconds{1};  ///< a default start is a multiple of this since the epoch
  std::vector<MetricModel> metrics;
  std::vector<Fire> fires;
};

inline constexpr std::size_t kMostSensors = 1'000'000;

/// Temperature and smoke have a model of their own; any other metric is 0 without noise or unit.
MetricModel metric_model(const std::string& name);

/// `name` is "figure-6.1", "wildfire", or empty for wildfire without its fires.
Scenario preset(const std::string& name);

/// Moves fires whose region is not there to the first region and drops rises of metrics that are not there: a
/// preset's fires, after its regions or metrics were replaced.
void fit_fires(Scenario& scenario);

/// Fails with what is accepted.
Result<void> check(const Scenario& scenario);

/// "sensor-007"; wider where there are over 1000.
std::string sensor_name(std::size_t number, std::size_t sensors);

/// Sensors are dealt to the regions in turn.
inline const std::string& region_of(const Scenario& scenario, std::size_t sensor) {
  return scenario.regions[sensor % scenario.regions.size()];
}

}  // namespace lookout
