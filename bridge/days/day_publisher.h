#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>

#include "bridge/days/day_state.h"
#include "bridge/days/published_day.h"
#include "common/complaint.h"
#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

class Service;
struct Config;
struct DaySummary;

/// Publishes the summary of each UTC day by itself once the day and the lag are over by the wall clock, and
/// only while that can be believed; and again, revision + 1, where readings came later. A correction waits
/// ten minutes from when the first of them was seen. Days that were not summarized because the box was off,
/// at most the last seven, come at the next start.
///
/// Everything is read from the archive, by connections of its own: which days readings came to, their
/// figures, and which revisions were published. A summary is only published where it holds more readings than
/// the one before: what retention or a damaged file took away revises nothing. No summary goes out before all
/// that went before it are in the archive, and they are written down first (DayState): kill -9 at any moment
/// gives no id two contents. Summarizing takes at most a twentieth of the time, in the long run. Threading:
/// one owner.
class DayPublisher {
 public:
  struct Options {
    std::filesystem::path archive, state;  ///< folders: of the archive, and for DayState
    std::uint64_t epoch = 0;               ///< the archive's
    Microseconds lag{};
  };
  /// Publishes and waits where it has to; false when stopping.
  using Publish = std::function<bool(Outgoing message, const std::stop_token& stop)>;
  using Steady = std::chrono::steady_clock::time_point;

  DayPublisher(Options options, Publish publish);

  /// One look and, where something is due, one day's work. `now` is the wall clock, nothing where it cannot
  /// be believed. False: nothing was due.
  bool step(std::optional<Timestamp> now, Steady steady, const std::stop_token& stop);

 private:
  Result<bool> work(std::optional<Timestamp> now, Steady steady, const std::stop_token& stop);
  Result<bool> deliver(Steady steady, const std::stop_token& stop);
  Result<void> look_for_changes(Timestamp now);
  bool is_due(std::chrono::sys_days day, Timestamp now);
  Result<void> summarize(std::chrono::sys_days day, Timestamp now, const std::stop_token& stop);
  Result<bool> write_down(const DaySummary& summary, const PublishedDay& published, std::chrono::sys_days day,
                          Timestamp now);

  const Options options_;
  const Publish publish_;
  DayState state_;
  std::optional<std::uint64_t> seen_;  // offsets below were looked at
  std::chrono::sys_days looked_from_{};
  std::map<std::chrono::sys_days, std::uint64_t> newest_;  // the last offset that brought a reading
  std::map<std::chrono::sys_days, Timestamp> correct_at_;  // days to which readings came after all
  std::optional<Steady> deliver_at_;
  std::chrono::minutes redelivery_{1};
  Steady rest_until_ = Steady::min();
  Complaint complaint_;
};

/// Runs a DayPublisher in the bridge's service until `stop`.
void publish_days(Service& service, const Config& config, std::uint64_t epoch, const std::stop_token& stop);

}  // namespace lookout
