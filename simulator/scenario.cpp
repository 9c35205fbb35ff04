#include "simulator/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/names.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr Microseconds kWindow =
    5min;  // presets begin on a window's edge, so that their figures can be compared

Scenario figure_6_1() {
  Scenario scenario;
  scenario.sensors = 1;
  scenario.regions = {"north"};
  scenario.metrics = {metric_model("temperature")};
  scenario.alignment = kWindow;
  Fire fire;
  fire.start = 75min;
  fire.rise = {{"temperature", 25}};
  scenario.fires = {fire};
  return scenario;
}

Scenario quiet_wildfire() {
  Scenario scenario;
  scenario.metrics = {metric_model("temperature"), metric_model("smoke")};
  return scenario;
}

Scenario wildfire() {
  Scenario scenario = quiet_wildfire();
  scenario.alignment = kWindow;
  Fire fire;
  fire.region = "north";
  fire.start = 3600s;
  fire.every = 7200s;
  fire.rise = {{"temperature", 25}, {"smoke", 20}};
  scenario.fires = {fire};
  return scenario;
}

bool has(const std::vector<std::string>& list, const std::string& item) {
  return std::ranges::find(list, item) != list.end();
}

Result<void> check_names(std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return Failure(fmt::format("at least one {} is needed", what));
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!is_valid_name(name)) return Failure(fmt::format("{} '{}': a name is {}", what, name, kNameRule));
    if (!seen.insert(name).second) return Failure(fmt::format("{} '{}' is named twice", what, name));
  }
  return {};
}

std::vector<std::string> metric_names(const Scenario& scenario) {
  std::vector<std::string> names;
  names.reserve(scenario.metrics.size());
  for (const MetricModel& metric : scenario.metrics) names.push_back(metric.name);
  return names;
}

bool has_sensor(const Scenario& scenario, const std::string& name) {
  for (std::size_t i = 0; i < scenario.sensors; ++i) {
    if (sensor_name(i, scenario.sensors) == name) return true;
  }
  return false;
}

Result<void> check_fire(const Scenario& scenario, const Fire& fire) {
  if (!fire.region.empty() && !has(scenario.regions, fire.region)) {
    return Failure(
        fmt::format("--fire region={}: the regions are {}", fire.region, fmt::join(scenario.regions, ", ")));
  }
  if (!fire.sensor.empty() && !has_sensor(scenario, fire.sensor)) {
    return Failure(fmt::format("--fire sensor={}: the sensors are {} to {}", fire.sensor,
                               sensor_name(0, scenario.sensors),
                               sensor_name(scenario.sensors - 1, scenario.sensors)));
  }
  const auto metrics = metric_names(scenario);
  for (const auto& [metric, rise] : fire.rise) {
    if (!has(metrics, metric)) {
      return Failure(
          fmt::format("--fire {}={}: accepted are region, sensor, start, duration, every, ramp, spread and "
                      "the metrics {}",
                      metric, rise, fmt::join(metrics, ", ")));
    }
  }
  return {};
}

}  // namespace

MetricModel metric_model(const std::string& name) {
  if (name == "temperature") return {name, "Cel", 22, 2, std::nullopt};
  if (name == "smoke") return {name, "ug/m3", 5, 1.5, 0};
  return {name, {}, 0, 0, std::nullopt};
}

Scenario preset(const std::string& name) {
  if (name == "figure-6.1") return figure_6_1();
  if (name == "wildfire") return wildfire();
  return quiet_wildfire();
}

void fit_fires(Scenario& scenario) {
  const auto metrics = metric_names(scenario);
  for (Fire& fire : scenario.fires) {
    const bool known = fire.region.empty() || has(scenario.regions, fire.region);
    if (!known) fire.region = scenario.regions.front();
    std::erase_if(fire.rise, [&](const auto& rise) { return !has(metrics, rise.first); });
  }
}

Result<void> check(const Scenario& scenario) {
  const std::vector<std::pair<std::string_view, std::vector<std::string>>> names{
      {"network", {scenario.network}}, {"region", scenario.regions}, {"metric", metric_names(scenario)}};
  for (const auto& [what, list] : names) {
    if (auto checked = check_names(what, list); !checked) return checked;
  }
  if (scenario.sensors < 1 || scenario.sensors > kMostSensors) {
    return Failure(fmt::format("--sensors {}: accepted are 1 to {}", scenario.sensors, kMostSensors));
  }
  if (scenario.interval < 1ms) return Failure("--interval: accepted are 1ms and more");
  if (scenario.duration < 1ms) return Failure("--duration: accepted are 1ms and more");
  for (const Fire& fire : scenario.fires) {
    if (auto checked = check_fire(scenario, fire); !checked) return checked;
  }
  return {};
}

std::string sensor_name(std::size_t number, std::size_t sensors) {
  const std::size_t width = std::max<std::size_t>(3, fmt::formatted_size("{}", sensors - 1));
  return fmt::format("sensor-{:0{}}", number, width);
}

}  // namespace lookout
