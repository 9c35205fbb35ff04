#include "bridge/days/day_summary.h"

#include <fmt/format.h>

#include <utility>

#include "bridge/days/sampling.h"
#include "bridge/days/seq_gaps.h"
#include "common/names.h"

namespace lookout {

struct DaySummaries::SensorDay {
  explicit SensorDay(const std::string& sensor) : figures(sensor) {}
  DayFigures figures;
  Sampling sampling{};
  SeqGaps seqs{};
};

DaySummaries::DaySummaries(Timestamp from, Timestamp until, OnSummary on_summary)
    : from_(from), until_(until), on_summary_(std::move(on_summary)) {}
DaySummaries::~DaySummaries() = default;

void DaySummaries::begin_series(const SeriesNames& series) {
  end_series();
  const bool other_network = series.network != names_.network;
  if (other_network || series.region != names_.region) end_group(names_.region, region_);
  if (other_network) end_group(std::string(kAllGroup), network_);
  names_ = series;
  sensor_ = std::make_unique<SensorDay>(series.sensor);
}

void DaySummaries::add(const DayReading& reading) {
  sensor_->figures.add(reading);
  sensor_->sampling.add(reading.event_time);
  if (reading.seq >= 0) sensor_->seqs.add(reading.boot, reading.seq);
}

void DaySummaries::end_series() {
  const auto sensor = std::move(sensor_);
  if (!sensor || sensor->figures.count == 0) return;
  DaySummary summary{.network = names_.network,
                     .group = fmt::format("{}/{}", names_.region, names_.sensor),
                     .metric = names_.metric,
                     .figures = std::move(sensor->figures)};
  summary.figures.seq_gaps = sensor->seqs.missing();
  if (const auto known = sensor->sampling.completeness(from_, until_)) {
    summary.figures.expected = known->expected;
    summary.figures.missing = known->missing;
    summary.interval = known->interval;
  }
  region_[summary.metric].merge(summary.figures);
  on_summary_(summary);
}

void DaySummaries::end_group(const std::string& group, ByMetric& figures) {
  for (auto& [metric, of_metric] : std::exchange(figures, {})) {
    if (&figures == &region_) network_[metric].merge(of_metric);
    on_summary_({names_.network, group, metric, std::move(of_metric)});
  }
}

void DaySummaries::finish() {
  end_series();
  end_group(names_.region, region_);
  end_group(std::string(kAllGroup), network_);
}

Result<DayContents> summarize_day(const std::filesystem::path& archive, const DaySelection& selection,
                                  Timestamp until,
                                  const std::function<bool(const DaySummary& summary)>& on_summary) {
  bool go_on = true;
  DaySummaries summaries(selection.from, until,
                         [&](const DaySummary& summary) { go_on = go_on && on_summary(summary); });
  const auto begin_series = [&](const SeriesNames& series) {
    summaries.begin_series(series);
    return go_on;
  };
  auto read = DayReader(archive).read(selection, begin_series,
                                      [&](const DayReading& reading) { summaries.add(reading); });
  if (read && go_on) summaries.finish();
  return read;
}

}  // namespace lookout
