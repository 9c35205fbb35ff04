#include "gateway/window.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "common/names.h"

namespace lookout {
namespace {

constexpr std::size_t kNamedSensors = 5;
constexpr std::array<GroupBy, 3> kSmallestFirst{GroupBy::sensor, GroupBy::region, GroupBy::network};

std::size_t index_of(GroupBy by) { return static_cast<std::size_t>(by); }

}  // namespace

std::string GroupName::text() const {
  switch (by) {
    case GroupBy::sensor:
      return region + '/' + sensor;
    case GroupBy::region:
      return region;
    case GroupBy::network:
      return std::string(kAllGroup);
  }
  std::unreachable();
}

std::string ClosedWindow::id(const std::string& metric) const {
  return fmt::format("{}/{}/{}/{}/{}", group.network, window, group.text(), metric, to_rfc3339(start));
}

Windows::Windows(const SeriesTable& series, std::vector<WindowConfig> windows, Microseconds default_lag)
    : series_(series), windows_(std::move(windows)), default_lag_(default_lag) {}

const Windows::Place& Windows::place_of(SeriesId series) {
  // Series are interned in order, so this is nearly always one that is known or the next.
  while (places_.size() <= series) {
    const Series& names = series_[static_cast<SeriesId>(places_.size())];
    Place place{};
    place.groups = {find_group({GroupBy::sensor, names.network, names.region, names.sensor}),
                    find_group({GroupBy::region, names.network, names.region, {}}),
                    find_group({GroupBy::network, names.network, {}, {}})};
    for (const GroupBy by : kSmallestFirst) {
      place.member[index_of(by)] = join(place.groups[index_of(by)], place.groups[0], names.sensor);
    }
    const auto [metric, is_new] =
        metric_ids_.emplace(names.metric, static_cast<std::uint32_t>(metrics_.size()));
    if (is_new) metrics_.push_back(names.metric);
    place.metric = metric->second;
    places_.push_back(place);
  }
  return places_[series];
}

std::uint32_t Windows::find_group(GroupName name) {
  const std::string key = name.network + '/' + name.text();
  const auto [known, is_new] = group_ids_.emplace(key, static_cast<std::uint32_t>(groups_.size()));
  if (is_new) {
    Group& group = groups_.emplace_back();
    group.name = std::move(name);
    group.open.resize(windows_.size());
  }
  return known->second;
}

std::uint32_t Windows::join(std::uint32_t group, std::uint32_t sensor, const std::string& name) {
  Group& joined = groups_[group];
  const auto [known, is_new] =
      joined.member_of.emplace(sensor, static_cast<std::uint32_t>(joined.members.size()));
  if (is_new) joined.members.push_back(&name);
  return known->second;
}

// Floor, also below the epoch.
Timestamp Windows::start_of(const WindowConfig& window, Timestamp time) const {
  const std::int64_t size = window.size.count();
  std::int64_t into = (time.time_since_epoch() - window.offset).count() % size;
  if (into < 0) into += size;
  return time - Microseconds{into};
}

bool Windows::is_open(const WindowConfig& window, const Group& group, Timestamp start) const {
  return !group.heard || group.newest - lag_of(window) < start + window.size;
}

// Visits each window configuration and group that a reading belongs to, smaller groups first.
template <typename Visit>
void Windows::for_each_covering(const Reading& reading, const Place& place, Visit visit) {
  for (const GroupBy by : kSmallestFirst) {
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      const WindowConfig& window = windows_[i];
      if (std::ranges::find(window.by, by) == window.by.end() ||
          !window.covers(series_[reading.series].metric))
        continue;
      visit(i, groups_[place.groups[index_of(by)]]);
    }
  }
}

Windows::Verdict Windows::judge(const Reading& reading) {
  Verdict verdict;
  for_each_covering(reading, place_of(reading.series), [&](std::size_t index, const Group& group) {
    const WindowConfig& window = windows_[index];
    verdict.covered = true;
    if (is_open(window, group, start_of(window, reading.event_time))) {
      verdict.taken = true;
      return;
    }
    verdict.refused_by.push_back(window.name + '/' + group.name.text());
    verdict.late_by = std::max(verdict.late_by, group.newest - lag_of(window) - reading.event_time);
  });
  return verdict;
}

Timestamp Windows::horizon(const Reading& reading) {
  const Place& place = place_of(reading.series);
  auto horizon = Timestamp::max();
  for (const WindowConfig& window : windows_) {
    for (const GroupBy by : window.by) {
      const Group& group = groups_[place.groups[index_of(by)]];
      if (!group.heard) return Timestamp::min();
      horizon = std::min(horizon, start_of(window, group.newest - lag_of(window)));
    }
  }
  return horizon;
}

void Windows::take(const Reading& reading, Timestamp arrival, std::vector<ClosedWindow>& closed) {
  const Place& place = place_of(reading.series);
  Sample sample{reading.value, reading.event_time, arrival};
  if (reading.seq) sample.seq = static_cast<std::int64_t>(*reading.seq);
  if (!reading.boot.empty())
    sample.boot = static_cast<std::uint32_t>(XXH3_64bits(reading.boot.data(), reading.boot.size()));
  for_each_covering(reading, place,
                    [&](std::size_t index, Group& group) { add(group, index, place, reading, sample); });
  for (const GroupBy by : kSmallestFirst) {
    Group& group = groups_[place.groups[index_of(by)]];
    group.newest = group.heard ? std::max(group.newest, reading.event_time) : reading.event_time;
    group.heard = true;
    if (group.newest >= group.next_close) close_due(group, arrival, closed);
  }
}

void Windows::add(Group& group, std::size_t index, const Place& place, const Reading& reading,
                  const Sample& sample) {
  const WindowConfig& window = windows_[index];
  const Timestamp start = start_of(window, reading.event_time);
  if (!is_open(window, group, start)) return;
  auto& open = group.open[index];
  auto slot = std::ranges::lower_bound(open, start, {}, &OpenWindow::start);
  if (slot == open.end() || slot->start != start) {
    slot = open.insert(slot, OpenWindow{start, {}});
    ++open_windows_;
    group.next_close = std::min(group.next_close, start + window.size + lag_of(window));
  }
  auto metric = std::ranges::find(slot->metrics, place.metric, &OpenMetric::metric);
  if (metric == slot->metrics.end()) metric = slot->metrics.insert(metric, OpenMetric{place.metric, {}, {}});
  if (metric->unit.empty()) metric->unit = reading.unit;
  Sample own = sample;
  own.member = place.member[index_of(group.name.by)];
  metric->aggregate.add(own, group.members);
}

void Windows::close_due(Group& group, Timestamp decided, std::vector<ClosedWindow>& closed) {
  group.next_close = Timestamp::max();
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    const WindowConfig& window = windows_[i];
    auto& open = group.open[i];
    auto still_open = open.begin();
    for (; still_open != open.end() && !is_open(window, group, still_open->start); ++still_open) {
      closed.push_back(close(group, window, *still_open, decided));
    }
    open_windows_ -= static_cast<std::size_t>(still_open - open.begin());
    open.erase(open.begin(), still_open);
    if (!open.empty()) {
      group.next_close = std::min(group.next_close, open.front().start + window.size + lag_of(window));
    }
  }
}

ClosedWindow Windows::close(const Group& group, const WindowConfig& window, const OpenWindow& open,
                            Timestamp decided) const {
  ClosedWindow closed{
      window.name, group.name, open.start, open.start + window.size, group.newest - lag_of(window),
      decided,     {}};
  for (const auto& [metric, unit, aggregate] : open.metrics) {
    MetricResult result{metrics_[metric],
                        unit,
                        aggregate.count(),
                        aggregate.sensors(),
                        aggregate.sum(),
                        aggregate.mean(),
                        aggregate.min(),
                        aggregate.max(),
                        aggregate.stddev(),
                        aggregate.first().value,
                        aggregate.last().value,
                        aggregate.seq_gaps(),
                        {},
                        aggregate.last().event_time,
                        aggregate.last().arrival};
    for (const std::uint32_t member : aggregate.contributors())
      result.first_sensors.push_back(*group.members[member]);
    std::ranges::sort(result.first_sensors);
    if (result.first_sensors.size() > kNamedSensors) result.first_sensors.resize(kNamedSensors);
    closed.metrics.push_back(std::move(result));
  }
  std::ranges::sort(closed.metrics, {}, &MetricResult::metric);
  return closed;
}

}  // namespace lookout
