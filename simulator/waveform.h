#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/random.h"
#include "simulator/scenario.h"

namespace lookout {

/// The value of a metric at an instant: model, noise and fires. A pure function of the scenario, the seed and
/// its arguments.
class Waveform {
 public:
  Waveform(const Scenario& scenario, std::uint64_t seed);

  /// `index` counts the sensor's sampling instants; `since_start` is their event time from the scenario's
  /// start. Rounded to 2 decimals.
  [[nodiscard]] double at(std::size_t sensor, std::size_t metric, std::uint64_t index,
                          Microseconds since_start) const;

 private:
  struct Blaze {
    Fire fire;
    std::vector<double> rise;                          ///< by metric
    std::vector<std::optional<Microseconds>> reaches;  ///< by sensor: when it gets there; nothing: never
  };
  [[nodiscard]] double rise(std::size_t sensor, std::size_t metric, Microseconds since_start) const;

  const Random random_;
  std::vector<MetricModel> metrics_;
  std::vector<std::uint64_t> keys_;
  std::vector<Blaze> blazes_;
};

/// How much of its rise a fire has at this time after it reached the sensor: 0 to 1.
double fire_strength(const Fire& fire, Microseconds since_reached);

/// Halves away from zero; never -0.
double round_to_hundredths(double value);

}  // namespace lookout
