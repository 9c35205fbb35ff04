#pragma once

#include <xxhash.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace lookout {

/// What a draw decides. The numbers are part of what a seed means: new ones go to the end.
enum class Purpose : std::uint64_t {
  boot,
  noise_radius,
  noise_angle,
  spike,
  lose,
  reorder,
  reorder_delay,
  duplicate,
  duplicate_delay,
  offline_sensors,
  clock_sensors,
  stuck_sensors,
  reboot_sensors,
  delay,
};

/// A metric by its name, so that a metric's values do not depend on which others are simulated beside it.
inline std::uint64_t metric_key(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

/// Draws without a state: each is a hash (XXH3) of the seed and of what is drawn for. So the values stay the
/// same whatever faults are switched on, and in whatever order they are asked for. Safe from any thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}

  [[nodiscard]] std::uint64_t bits(Purpose purpose, std::uint64_t sensor, std::uint64_t metric,
                                   std::uint64_t index) const {
    const std::array<std::uint64_t, 5> key{seed_, static_cast<std::uint64_t>(purpose), sensor, metric, index};
    return XXH3_64bits(key.data(), sizeof(key));
  }

  /// In [0, 1), in steps of 2^-53.
  [[nodiscard]] double uniform(Purpose purpose, std::uint64_t sensor, std::uint64_t metric,
                               std::uint64_t index) const {
    return static_cast<double>(bits(purpose, sensor, metric, index) >> 11U) * 0x1p-53;
  }

  /// Standard normal, by Box and Muller (1958). 1 - u keeps the logarithm finite.
  [[nodiscard]] double normal(std::uint64_t sensor, std::uint64_t metric, std::uint64_t index) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(Purpose::noise_radius, sensor, metric, index)));
    return radius * std::cos(2 * std::numbers::pi * uniform(Purpose::noise_angle, sensor, metric, index));
  }

 private:
  std::uint64_t seed_;
};

}  // namespace lookout
