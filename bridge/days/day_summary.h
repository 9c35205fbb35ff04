#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bridge/days/day.h"
#include "bridge/days/day_reader.h"

namespace lookout {

/// The complete summary of a day for one metric of one group, late readings included.
struct DaySummary {
  std::string network;
  std::string group;  ///< region/sensor, region, or _all
  std::string metric;
  DayFigures figures;
  std::optional<Microseconds> interval{};  ///< of a sensor, where it is regular
};

/// Takes the readings of a day series by series, in the order of their names, and hands out summaries: of
/// each sensor at once, of each region behind its sensors, of each network behind its regions; each by
/// metric. Threading: one owner.
class DaySummaries {
 public:
  using OnSummary = std::function<void(const DaySummary& summary)>;

  /// Readings are expected up to `until`: the day's end, or now.
  DaySummaries(Timestamp from, Timestamp until, OnSummary on_summary);
  DaySummaries(const DaySummaries&) = delete;
  DaySummaries& operator=(const DaySummaries&) = delete;
  ~DaySummaries();

  void begin_series(const SeriesNames& series);
  void add(const DayReading& reading);
  /// To be called once, at the end.
  void finish();

 private:
  struct SensorDay;
  using ByMetric = std::map<std::string, DayFigures>;
  void end_series();
  void end_group(const std::string& group, ByMetric& figures);

  const Timestamp from_, until_;
  const OnSummary on_summary_;
  std::unique_ptr<SensorDay> sensor_;  // the series in hand
  SeriesNames names_;
  ByMetric region_, network_;
};

/// Summarizes a day of an archive; memory does not grow with its readings, nor with its series. `until` as
/// above. `on_summary` returns false to end it early: then what was not handed out is left out.
Result<DayContents> summarize_day(const std::filesystem::path& archive, const DaySelection& selection,
                                  Timestamp until,
                                  const std::function<bool(const DaySummary& summary)>& on_summary);

}  // namespace lookout
