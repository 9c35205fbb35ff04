#pragma once

#include <string>

#include "common/result.h"
#include "simulator/scenario.h"

namespace lookout {

// The options that are lists of KEY=VALUE with commas between. All fail with what is accepted.

/// region=north|sensor=sensor-003, start=3600s, duration=900s, every=7200s, ramp=60s, spread=10s; any other
/// key is a metric and its rise: temperature=25.
Result<Fire> parse_fire(const std::string& text);

/// name=temperature, baseline=22, noise=2, min=0, unit=Cel; what is not named stays as metric_model() has it.
Result<MetricModel> parse_metric(const std::string& text);

/// A number from 0 to 1.
Result<double> parse_share(const std::string& text);

}  // namespace lookout
