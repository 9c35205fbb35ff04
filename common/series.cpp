#include "common/series.h"

#include <algorithm>
#include <bit>

namespace lookout {

std::optional<SeriesId> SeriesTable::find(std::string_view network, std::string_view region,
                                          std::string_view sensor, std::string_view metric) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint64_t hash = hash_series(network, region, sensor, metric).low;
  for (std::size_t i = hash & (slots_.size() - 1); slots_[i].id != kEmpty;
       i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].tag != hash >> 32U) continue;
    const Series& known = series_[slots_[i].id];
    if (known.sensor == sensor && known.region == region && known.metric == metric &&
        known.network == network)
      return slots_[i].id;
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
  if (series_.size() * 2 > slots_.size()) {
    index();
  } else {
    put(id);
  }
  return id;
}

// With room for half as many again, at least.
void SeriesTable::index() {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(series_.size() * 3, 16)), {});
  for (SeriesId id = 0; id < series_.size(); ++id) put(id);
}

void SeriesTable::put(SeriesId id) {
  const std::uint64_t hash = series_[id].hash.low;
  std::size_t i = hash & (slots_.size() - 1);
  while (slots_[i].id != kEmpty) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {static_cast<std::uint32_t>(hash >> 32U), id};
}

}  // namespace lookout
