// The part of Windows that turns what a store puts out into results.
#include <fmt/format.h>

#include <algorithm>

#include "gateway/window.h"

namespace lookout {
namespace {

constexpr std::size_t kNamedSensors = 5;

}  // namespace

std::string ClosedWindow::id(const std::string& metric) const {
  return fmt::format("{}/{}/{}/{}/{}", group.network, window, group.text(), metric, to_rfc3339(start));
}

Emit Windows::emitter(GroupId id, const Window& window, Timestamp decided,
                      std::vector<ClosedWindow>& closed) const {
  return [this, id, &window, decided, &closed](const Closing& closing) {
    closed.push_back(result_of(id, window, closing, decided));
  };
}

ClosedWindow Windows::result_of(GroupId id, const Window& window, const Closing& closing,
                                Timestamp decided) const {
  ClosedWindow result;
  result.window = window.config.name;
  result.group = names_.name(id);
  result.start = closing.start;
  result.end = closing.end;
  result.closed_by = closing.closed_by;
  result.retracted = closing.retracted;
  result.publish = window.config.publish;
  result.latest = closing.latest;
  result.incomplete = loss_is_open_ || closing.start < complete_from_;
  if (const auto past = past_.find(window.config.name); past != past_.end())
    result.incomplete |= closing.start < past->second[index_of(names_.by(id))].complete_from;
  // A group whose watermark was set back to before all it has heard has none.
  result.watermark = std::max(watermark(groups_[id], window), kEarliestTime);
  result.decided = decided;
  for (const Closing::Metric& metric : closing.metrics) {
    result.metrics.push_back(figures_of(id, window, metric));
  }
  std::ranges::sort(result.metrics, {}, &MetricResult::metric);
  return result;
}

MetricResult Windows::figures_of(GroupId id, const Window& window, const Closing::Metric& metric) const {
  MetricResult result;
  result.metric = names_.metric(metric.metric);
  result.unit = units_[metric.unit];
  result.revision = metric.revision;
  result.late = metric.late;
  result.changed = metric.changed;
  if (!metric.aggregate) return result;
  const Aggregate& aggregate = *metric.aggregate;
  result.count = aggregate.count();
  result.sensors = aggregate.seqs().members();
  result.sum = aggregate.sum();
  result.mean = aggregate.mean();
  result.min = aggregate.min();
  result.max = aggregate.max();
  result.stddev = aggregate.stddev();
  result.first = aggregate.first();
  result.last = aggregate.last();
  result.seq_gaps = aggregate.seqs().gaps();
  if (window.config.over) result.over = aggregate.over();
  const Members members = names_.members(id);
  for (const std::uint32_t member : aggregate.seqs().list_members())
    result.first_sensors.push_back(*members[member]);
  std::ranges::sort(result.first_sensors);
  if (result.first_sensors.size() > kNamedSensors) result.first_sensors.resize(kNamedSensors);
  result.newest_event = aggregate.newest_event();
  result.newest_arrival = aggregate.newest_arrival();
  return result;
}

}  // namespace lookout
