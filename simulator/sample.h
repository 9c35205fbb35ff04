#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/timestamp.h"

namespace lookout {

/// The names behind the numbers in a sample. All are valid names and units hold no quote, so none needs
/// escaping.
struct Catalogue {
  struct Sensor {
    std::string region, name;
  };
  struct Metric {
    std::string name;
    std::string unit;       ///< empty: not known
    std::uint64_t key = 0;  ///< metric_key of the name
  };
  std::string network;
  std::uint16_t boot = 0;  ///< id of the sensors' first boot; the following ones count on from it
  std::vector<Sensor> sensors;
  std::vector<Metric> metrics;
};

/// What one message carries: a sensor at one instant, with the values of one metric or of several.
struct Sample {
  struct Value {
    std::uint32_t metric;  ///< index into the catalogue
    double number;
  };
  Timestamp event_time;  ///< as the sensor reports it; whole milliseconds: exact in a payload's epoch seconds
  std::uint64_t seq = 0;
  std::uint32_t sensor = 0;  ///< index into the catalogue
  std::uint32_t boots = 0;   ///< how often the sensor has rebooted
  std::vector<Value> values;
};

/// Replaces the contents of the sample by the next one; false at the end.
using Source = std::function<bool(Sample&)>;

}  // namespace lookout
