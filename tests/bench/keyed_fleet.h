#pragma once

#include <string>
#include <vector>

#include "bridge/kafka/kafka_records.h"

namespace lookout::bench {

inline constexpr int kSensors = 500;
inline constexpr int kRegions = 20;

/// 500 sensors that report in turn, in 20 regions: dealt to them in turn, or every second one to the first.
struct KeyedFleet {
  bool one_is_half = false;

  [[nodiscard]] int region_of(int sensor) const;
  [[nodiscard]] std::string region_name(int region) const;
  /// "network/region/sensor" or "network/region", as the bridge makes it.
  [[nodiscard]] std::string key_of(KafkaKey key, int sensor, const std::string& network) const;
  /// What the bridge makes of readings [first, first + count); reading i has offset i and is of sensor i %
  /// 500.
  [[nodiscard]] ForwardRecords records(KafkaKey key, int first, int count) const;
};

inline int sensor_at(std::uint64_t offset) { return static_cast<int>(offset % kSensors); }

}  // namespace lookout::bench
