#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/config.h"
#include "gateway/aggregate.h"
#include "gateway/group.h"

/// What the two kinds of window stores, gateway/pane_windows.h and gateway/session_windows.h, have in common.
/// Both hold the windows of one configuration in one group: those that are open, and those that have been
/// published and can still be corrected. A window is final, and forgotten, once the watermark has reached its
/// end + allowed lateness.
namespace lookout {

/// The times of a window configuration, with the defaults filled in.
struct WindowTimes {
  Microseconds size{}, step{}, gap{}, offset{};
  Microseconds lag{}, allowed_lateness{};
};

/// No store holds more windows (panes, sessions) than this: what would open another one is refused.
inline constexpr std::size_t kMostHeldWindows = 10'000;

using UnitId = std::uint32_t;  ///< 0: none was named

/// A metric's readings in an interval.
struct MetricAggregate {
  MetricId metric;
  UnitId unit = 0;
  Aggregate aggregate;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(metric, unit, aggregate);
  }
};

/// A reading on its way into a store.
struct Taking {
  MetricId metric;
  UnitId unit;
  Sample sample;
  Timestamp watermark;      ///< of the group, before this reading
  Microseconds due_late{};  ///< connected time at which a correction that begins now is to be published
};

/// What a store would do with a reading.
enum class Verdict : std::uint8_t { takes, late, full };

/// What taking a reading has changed.
struct Taken {
  Timestamp opened = Timestamp::max();  ///< end of the window that was opened, where one was
  bool corrects = false;                ///< a window that had closed has changed
  bool correction = false;              ///< and is now waiting for its correction
};

/// A result on its way out of a store. Pointers are valid during the call.
struct Closing {
  struct Metric {
    MetricId metric;
    UnitId unit;
    const Aggregate* aggregate;  ///< nothing in a retraction
    std::uint32_t revision, late;
    bool changed;
  };
  Timestamp start, end;
  ClosedBy closed_by;
  bool retracted = false;
  bool latest = true;  ///< no later window of the store has closed
  std::vector<Metric> metrics;
};
using Emit = std::function<void(const Closing&)>;

}  // namespace lookout
