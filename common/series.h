#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/identity.h"
#include "common/reading.h"

namespace lookout {

/// network/region/sensor/metric: one stream of readings.
struct Series {
  std::string network, region, sensor, metric;
  Identity hash;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(network, region, sensor, metric, hash);
  }
};

/// Interns series: the names are compared once, afterwards a series is a number. Bounded by max_series.
/// Threading: one owner.
class SeriesTable {
 public:
  explicit SeriesTable(std::size_t max_series) : max_series_(max_series) {}

  /// Nothing when the series is new.
  [[nodiscard]] std::optional<SeriesId> find(std::string_view network, std::string_view region,
                                             std::string_view sensor, std::string_view metric) const;
  /// Nothing when the series is new and the table is full. The names must be valid names.
  std::optional<SeriesId> intern(std::string_view network, std::string_view region, std::string_view sensor,
                                 std::string_view metric);

  /// From now on; what is there stays.
  void limit(std::size_t max_series) { max_series_ = max_series; }

  [[nodiscard]] const Series& operator[](SeriesId id) const { return series_[id]; }
  [[nodiscard]] std::size_t size() const { return series_.size(); }

  /// Writes all series, or reads them into an empty table, whatever its limit.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(series_);
    if (slots_.empty()) index();
  }

 private:
  // An open hash table with linear probing: among 100,000 series, which are in no cache, a search misses it
  // once and the series' names, where a table of nodes misses three times before those.
  struct Slot {
    std::uint32_t tag = 0;  // the upper half of the hash of which the lower says where it begins to probe
    SeriesId id = kEmpty;
  };
  static constexpr SeriesId kEmpty = std::numeric_limits<SeriesId>::max();
  void index();
  void put(SeriesId id);

  std::size_t max_series_;
  std::deque<Series> series_;
  std::vector<Slot> slots_;  // a power of two, at most half of them taken
};

}  // namespace lookout
