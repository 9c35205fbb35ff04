#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/config.h"
#include "common/reading.h"
#include "common/timestamp.h"

/// What the machine puts out: values. gateway/publish.h turns them into topics and payloads.
namespace lookout {

/// Who is aggregated together: a sensor, a region or a network.
struct GroupName {
  GroupBy by = GroupBy::network;
  std::string network, region, sensor;  ///< region and sensor are empty where the group is larger than they

  /// As in topics and ids: `_all`, a region, or region/sensor.
  [[nodiscard]] std::string text() const;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(by, network, region, sensor);
  }
};

/// What made a window's result come out.
enum class ClosedBy : std::uint8_t { watermark, idle, late, end_of_input };

/// The result of one metric in a closed window.
struct MetricResult {
  std::string metric, unit;
  std::uint64_t revision = 0;
  std::uint64_t late = 0;  ///< readings taken after revision 0
  bool changed = true;     ///< false: published as it is already, here only for the rules
  std::uint64_t count = 0, sensors = 0;
  double sum = 0, mean = 0, min = 0, max = 0, stddev = 0, first = 0, last = 0;
  std::uint64_t seq_gaps = 0;
  std::optional<std::uint64_t> over;  ///< readings above the window's threshold, where it has one
  // Evidence, for alerts.
  std::vector<std::string> first_sensors;  ///< the first few contributors by name
  Timestamp newest_event, newest_arrival;  ///< of the newest reading by event time
};

/// A window of one group that closed, was corrected or is retracted, with every metric that had data, by
/// name.
struct ClosedWindow {
  std::string window;
  GroupName group;
  Timestamp start, end;
  ClosedBy closed_by = ClosedBy::watermark;
  bool retracted = false;  ///< a session that has become part of another; the metrics have no figures then
  bool publish = true;
  bool incomplete = false;  ///< it began before some of the state was lost
  bool latest = true;       ///< no later window of the group has closed: what it says is the state of things
  Timestamp watermark;
  Timestamp decided;  ///< arrival of the record that closed it
  std::vector<MetricResult> metrics;

  /// "wildfire/5m/north/temperature/2026-11-22T11:20:00Z"
  [[nodiscard]] std::string id(const std::string& metric) const;
};

/// A change of an alert's state, or of what it tells while firing.
struct AlertChange {
  std::string rule, id, fingerprint, condition, window_id;
  std::uint64_t revision = 0;
  bool firing = false;
  GroupName group;
  std::map<std::string, std::string> labels;
  std::string summary;
  Timestamp starts_at;
  std::optional<Timestamp> ends_at;
  double value = 0;
  std::uint64_t sensors = 0;
  std::vector<std::string> first_sensors;
  Timestamp event_time, arrived, decided;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(rule, id, fingerprint, condition, window_id, revision, firing, group, labels, summary, starts_at,
            ends_at, value, sensors, first_sensors, event_time, arrived, decided);
  }
};

/// A message, or a reading in it, that was refused.
struct Rejected {
  Refusal refusal;
};

/// A reading that at least one window covers and none took.
struct Late {
  std::string metric;
  std::vector<std::string> refused_by;  ///< "5m/north"
  Microseconds late_by{};               ///< watermark - event time, the largest of those that refused
  bool full = false;                    ///< one of them for want of room, not because it was late
};

using Output = std::variant<ClosedWindow, AlertChange, Rejected, Late>;

/// What they are called together, by the index in Output.
inline constexpr std::array<std::string_view, std::variant_size_v<Output>> kOutputKinds{
    "aggregates", "alerts", "rejected", "late"};

}  // namespace lookout
