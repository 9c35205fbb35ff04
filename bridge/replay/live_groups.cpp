#include "bridge/replay/live_groups.h"

#include <algorithm>
#include <ranges>

#include "common/names.h"

namespace lookout {

Timestamp LiveGroups::needed_by(const AggregateRow& result, const WindowConfig& window,
                                const TimeConfig& time) {
  return result.end + window.allowed_lateness.value_or(time.allowed_lateness) + window.lag.value_or(time.lag);
}

Result<LiveGroups> LiveGroups::read(const ReplayFiles& files, const TimeConfig& time,
                                    std::map<std::string, Timestamp> needed) {
  LiveGroups groups(time);
  for (const ReplayFiles::File& file : std::views::reverse(files.all())) {
    std::erase_if(needed, [&](const auto& group) { return groups.of(group.first).newest >= group.second; });
    // What came before cannot be that new.
    const bool matters = file.summary.arrivals && std::ranges::any_of(needed, [&](const auto& group) {
                           return file.summary.arrivals->to + time.max_future >= group.second ||
                                  !groups.of(group.first).arrival;
                         });
    if (!matters) continue;
    const auto newest = files.ask(
        file, [&](ReplayFile& looked) { return looked.newest(time.max_future, files.end_offset()); });
    if (!newest) return Failure(newest.error());
    if (!*newest) continue;
    for (const ReplayFile::Newest& series : **newest) {
      groups.hear(series.network + '/' + std::string(kAllGroup), series);
      groups.hear(series.network + '/' + series.region, series);
      groups.hear(series.network + '/' + series.region + '/' + series.sensor, series);
    }
  }
  return groups;
}

void LiveGroups::hear(const std::string& group, const ReplayFile::Newest& newest) {
  Heard& heard = heard_[group];
  heard.newest = std::max(heard.newest, newest.event_time);
  heard.arrival = std::max(heard.arrival, std::optional(newest.arrival));
}

LiveGroups::Heard LiveGroups::of(const std::string& group) const {
  const auto found = heard_.find(group);
  return found == heard_.end() ? Heard{} : found->second;
}

bool LiveGroups::is_done_with(const AggregateRow& result, const WindowConfig& window, Timestamp now) const {
  const Heard heard = of(key_of(result));
  if (!heard.newest || !heard.arrival) return false;
  if (*heard.newest >= needed_by(result, window, time_)) return true;
  const Microseconds until_idle =
      std::max(time_.idle, result.end - *heard.newest + window.lag.value_or(time_.lag));
  return now >= *heard.arrival + until_idle + window.allowed_lateness.value_or(time_.allowed_lateness);
}

}  // namespace lookout
