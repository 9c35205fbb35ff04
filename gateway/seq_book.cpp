#include "gateway/seq_book.h"

#include <numeric>

namespace lookout {

void SeqBook::note(std::uint32_t sensor, const Reading& reading) {
  if (!reading.seq) return;
  if (sensors_.size() <= sensor) sensors_.resize(std::size_t{sensor} + 1);
  Sensor& known = sensors_[sensor];
  if (known.seqs.members() == 0) known.series = reading.series;
  known.seqs.add(0, boot_number(reading.boot), static_cast<std::int64_t>(*reading.seq));
}

std::uint64_t SeqBook::gaps() const {
  return std::accumulate(sensors_.begin(), sensors_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Sensor& sensor) { return sum + sensor.seqs.gaps(); });
}

}  // namespace lookout
