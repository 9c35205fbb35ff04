#include "gateway/seq_book.h"

#include <numeric>

#include "gateway/seq_ranges.h"

namespace lookout {

void SeqBook::note(std::uint32_t sensor, const Reading& reading) {
  if (!reading.seq) return;
  if (sensors_.size() <= sensor) sensors_.resize(std::size_t{sensor} + 1);
  Sensor& known = sensors_[sensor];
  if (known.seqs.empty()) known.series = reading.series;
  const std::uint32_t boot = boot_number(reading.boot);
  const auto seq = static_cast<std::int64_t>(*reading.seq);
  known.seqs.note(boot, seq);
  if (!reading.identity) return;
  if (newest_.size() <= reading.series) newest_.resize(std::size_t{reading.series} + 1);
  Newest& newest = newest_[reading.series];
  if (newest.seq == seq && newest.boot == boot && newest.content != reading.identity->low) ++known.conflicts;
  newest = {reading.identity->low, seq, boot};
}

std::uint64_t SeqBook::gaps() const {
  return std::accumulate(sensors_.begin(), sensors_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Sensor& sensor) { return sum + sensor.seqs.missing(); });
}

std::uint64_t SeqBook::conflicts() const {
  return std::accumulate(sensors_.begin(), sensors_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Sensor& sensor) { return sum + sensor.conflicts; });
}

}  // namespace lookout
