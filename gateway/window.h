#pragma once

#include <array>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/config.h"
#include "common/reading.h"
#include "common/series.h"
#include "gateway/aggregate.h"
#include "gateway/output.h"

namespace lookout {

/// The step window: readings are aggregated per group and metric over windows of event time, which close when
/// the group's watermark reaches their end.
///
/// The watermark of a group is the newest event time in it minus the lag; groups are independent of each
/// other. Windows are [start, end), tumbling, aligned to the epoch plus an offset; those without data put
/// nothing out. Deterministic; looks at no clock. Threading: one owner.
class Windows {
 public:
  Windows(const SeriesTable& series, std::vector<WindowConfig> windows, Microseconds default_lag);

  /// What the windows would do with a reading now.
  struct Verdict {
    bool covered = false;  ///< at least one window covers the reading's metric
    bool taken = false;    ///< at least one that covers it is still open
    std::vector<std::string> refused_by;
    Microseconds late_by{};
  };
  [[nodiscard]] Verdict judge(const Reading& reading);

  /// Below this event time no window takes anything of the reading's sensor any more, of whatever metric. The
  /// latest time there is when there are no windows.
  [[nodiscard]] Timestamp horizon(const Reading& reading);

  /// Adds a reading to every window that takes it, moves its groups' watermarks and appends what closed:
  /// smaller groups first, then in the order of configuration, then by start.
  void take(const Reading& reading, Timestamp arrival, std::vector<ClosedWindow>& closed);

  /// A number that is the sensor's own, for all its metrics.
  [[nodiscard]] std::uint32_t sensor_of(const Reading& reading) { return place_of(reading.series).groups[0]; }

  [[nodiscard]] std::size_t open_windows() const { return open_windows_; }
  /// Groups of networks and regions with their watermark at the default lag, for statistics: `visit(name,
  /// watermark)`.
  template <typename Visit>
  void for_each_large_group(Visit visit) const {
    for (const Group& group : groups_) {
      if (group.name.by != GroupBy::sensor && group.heard) visit(group.name, group.newest - default_lag_);
    }
  }

 private:
  struct OpenMetric {
    std::uint32_t metric;
    std::string unit;
    Aggregate aggregate;
  };
  struct OpenWindow {
    Timestamp start;
    std::vector<OpenMetric> metrics;
  };
  struct Group {
    GroupName name;
    std::vector<const std::string*> members;                     // names of its sensors, by member index
    std::unordered_map<std::uint32_t, std::uint32_t> member_of;  // the sensor's own group -> member index
    std::vector<std::vector<OpenWindow>> open;                   // per window configuration, by start
    Timestamp newest = Timestamp::min();
    Timestamp next_close = Timestamp::max();  // the newest event time at which something closes
    bool heard = false;
  };
  struct Place {  // where a series belongs; index by GroupBy
    std::array<std::uint32_t, 3> groups, member;
    std::uint32_t metric;
  };

  const Place& place_of(SeriesId series);
  std::uint32_t find_group(GroupName name);
  std::uint32_t join(std::uint32_t group, std::uint32_t sensor, const std::string& name);
  [[nodiscard]] Timestamp start_of(const WindowConfig& window, Timestamp time) const;
  [[nodiscard]] Microseconds lag_of(const WindowConfig& window) const {
    return window.lag.value_or(default_lag_);
  }
  [[nodiscard]] bool is_open(const WindowConfig& window, const Group& group, Timestamp start) const;
  template <typename Visit>
  void for_each_covering(const Reading& reading, const Place& place, Visit visit);
  void add(Group& group, std::size_t index, const Place& place, const Reading& reading, const Sample& sample);
  void close_due(Group& group, Timestamp decided, std::vector<ClosedWindow>& closed);
  ClosedWindow close(const Group& group, const WindowConfig& window, const OpenWindow& open,
                     Timestamp decided) const;

  const SeriesTable& series_;
  const std::vector<WindowConfig> windows_;
  const Microseconds default_lag_;
  std::deque<Group> groups_;
  std::unordered_map<std::string, std::uint32_t> group_ids_;
  std::unordered_map<std::string, std::uint32_t> metric_ids_;
  std::vector<std::string> metrics_;
  std::vector<Place> places_;
  std::size_t open_windows_ = 0;
};

}  // namespace lookout
