#pragma once

#include <cstdint>
#include <deque>

#include "common/reading.h"
#include "gateway/seq_ranges.h"

namespace lookout {

/// Which numbers each sensor has counted, over everything that was received, repeats aside: what is missing
/// was lost before it came to the box. Threading: one owner.
class SeqBook {
 public:
  /// `sensor` is a small number of its own.
  void note(std::uint32_t sensor, const Reading& reading);

  /// Numbers missing, as SeqRanges counts them, of all sensors.
  [[nodiscard]] std::uint64_t gaps() const;
  /// `visit(series, gaps)` for every sensor that lacks some, by number; `series` is that of its first
  /// reading.
  template <typename Visit>
  void for_each_gap(Visit visit) const {
    for (const Sensor& sensor : sensors_) {
      if (const std::uint64_t gaps = sensor.seqs.gaps(); gaps > 0) visit(sensor.series, gaps);
    }
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(sensors_);
  }

 private:
  struct Sensor {
    SeriesId series = 0;
    SeqRanges seqs{};
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(series, seqs);
    }
  };
  std::deque<Sensor> sensors_;  // by number
};

}  // namespace lookout
