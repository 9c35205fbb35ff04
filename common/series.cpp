#include "common/series.h"

namespace lookout {

std::optional<SeriesId> SeriesTable::find(std::string_view network, std::string_view region,
                                          std::string_view sensor, std::string_view metric) {
  const auto known = ids_.find(key_of(network, region, sensor, metric));
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<SeriesId> SeriesTable::intern(std::string_view network, std::string_view region,
                                            std::string_view sensor, std::string_view metric) {
  if (const auto known = find(network, region, sensor, metric)) return known;
  if (series_.size() >= max_series_) return std::nullopt;
  const auto id = static_cast<SeriesId>(series_.size());
  series_.push_back({std::string(network), std::string(region), std::string(sensor), std::string(metric),
                     hash_series(network, region, sensor, metric)});
  ids_.emplace(key_, id);
  return id;
}

const std::string& SeriesTable::key_of(std::string_view network, std::string_view region,
                                       std::string_view sensor, std::string_view metric) {
  key_.clear();
  for (const std::string_view name : {network, region, sensor, metric}) {
    key_ += name;
    key_ += '/';
  }
  return key_;
}

void SeriesTable::index() {
  SeriesId id = 0;
  for (const Series& series : series_)
    ids_.emplace(key_of(series.network, series.region, series.sensor, series.metric), id++);
}

}  // namespace lookout
