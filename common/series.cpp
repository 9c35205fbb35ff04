#include "common/series.h"

namespace lookout {

std::optional<SeriesId> SeriesTable::find(std::string_view network, std::string_view region,
                                          std::string_view sensor, std::string_view metric) const {
  const auto [first, last] = ids_.equal_range(hash_series(network, region, sensor, metric).low);
  for (auto each = first; each != last; ++each) {
    const Series& known = series_[each->second];
    if (known.sensor == sensor && known.region == region && known.metric == metric &&
        known.network == network)
      return each->second;
  }
  return std::nullopt;
}

std::optional<SeriesId> SeriesTable::intern(std::string_view network, std::string_view region,
                                            std::string_view sensor, std::string_view metric) {
  if (const auto known = find(network, region, sensor, metric)) return known;
  if (series_.size() >= max_series_) return std::nullopt;
  const auto id = static_cast<SeriesId>(series_.size());
  series_.push_back({std::string(network), std::string(region), std::string(sensor), std::string(metric),
                     hash_series(network, region, sensor, metric)});
  ids_.emplace(series_.back().hash.low, id);
  return id;
}

void SeriesTable::index() {
  for (SeriesId id = 0; id < series_.size(); ++id) ids_.emplace(series_[id].hash.low, id);
}

}  // namespace lookout
