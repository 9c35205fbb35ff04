#pragma once

#include <cstdint>
#include <deque>

#include "common/reading.h"
#include "gateway/seq_holes.h"

namespace lookout {

/// Which numbers each sensor has counted, over everything that was received, repeats aside: what is missing
/// was lost before it came to the box. And which it has given twice: a conflict is a reading that differs
/// from the one before it of its series and has the seq and boot of that one. Both are taken; a pair that is
/// late or refused, of which repeats are not known, counts again when it comes again. Threading: one owner.
class SeqBook {
 public:
  /// `sensor` is a small number of its own.
  void note(std::uint32_t sensor, const Reading& reading);

  /// Numbers missing, as SeqHoles counts them, of all sensors.
  [[nodiscard]] std::uint64_t gaps() const;
  /// Of all sensors.
  [[nodiscard]] std::uint64_t conflicts() const;
  /// `visit(series, gaps, conflicts)` for every sensor that has some of either, by number; `series` is that
  /// of its first reading.
  template <typename Visit>
  void for_each_fault(Visit visit) const {
    for (const Sensor& sensor : sensors_) {
      const std::uint64_t gaps = sensor.seqs.missing();
      if (gaps > 0 || sensor.conflicts > 0) visit(sensor.series, gaps, sensor.conflicts);
    }
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(sensors_, newest_);
  }

 private:
  struct Sensor {
    SeriesId series = 0;
    std::uint32_t conflicts = 0;
    SeqHoles seqs{};
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(series, conflicts, seqs);
    }
  };
  /// Of a series the last reading that had a seq.
  struct Newest {
    std::uint64_t content = 0;  // half of its identity
    std::int64_t seq = -1;
    std::uint32_t boot = 0;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(content, seq, boot);
    }
  };
  std::deque<Sensor> sensors_;  // by number
  std::deque<Newest> newest_;   // by series
};

}  // namespace lookout
