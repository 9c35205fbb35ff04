#include "tests/bench/keyed_fleet.h"

#include <fmt/format.h>

#include <array>

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* kNetwork = "wildfire";

ArchivedMessage message_of(const KeyedFleet& fleet, int i) {
  const int sensor = i % kSensors;
  const int seq = i / kSensors;
  const Timestamp time = Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 11 / 1}} + seq * 30s;
  ArchivedMessage message;
  message.offset = static_cast<std::uint64_t>(i);
  message.arrival = time + 250ms;
  message.readings.push_back({.part = 0,
                              .network = kNetwork,
                              .region = fleet.region_name(fleet.region_of(sensor)),
                              .sensor = fmt::format("sensor-{:03}", sensor),
                              .metric = "temperature",
                              .unit = "Cel",
                              .boot = "a1b2",
                              .event_time = time,
                              .value = 18 + i % 9 + i % 100 / 100.0,
                              .seq = static_cast<std::uint64_t>(seq),
                              .identity = {}});
  return message;
}

}  // namespace

int KeyedFleet::region_of(int sensor) const {
  if (!one_is_half) return sensor % kRegions;
  return sensor % 2 == 0 ? 0 : 1 + sensor / 2 % (kRegions - 1);
}

// The simulator's own five, and more of them.
std::string KeyedFleet::region_name(int region) const {
  constexpr std::array kNames{"north", "south", "east", "west", "central"};
  const auto at = static_cast<std::size_t>(region);
  return at < kNames.size() ? kNames.at(at) : fmt::format("region-{:02}", region);
}

std::string KeyedFleet::key_of(KafkaKey key, int sensor, const std::string& network) const {
  const std::string region = region_name(region_of(sensor));
  return key == KafkaKey::region ? fmt::format("{}/{}", network, region)
                                 : fmt::format("{}/{}/sensor-{:03}", network, region, sensor);
}

ForwardRecords KeyedFleet::records(KafkaKey key, int first, int count) const {
  Config config;
  config.kafka.key = key;
  RecordMaker maker(config, "bench", 1);
  ForwardedAlerts alerts;
  ForwardRecords records;
  records.list.reserve(static_cast<std::size_t>(count));
  for (int i = first; i < first + count; ++i) maker.add(message_of(*this, i), alerts, records);
  return records;
}

}  // namespace lookout::bench
