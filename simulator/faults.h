#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/random.h"
#include "simulator/sample.h"

namespace lookout {

/// Readings that jump by `amount`, on every metric or on one.
struct Spike {
  double share = 0, amount = 0;
  std::string metric;  ///< empty: all
};

/// Shares are probabilities from 0 to 1, each judged per message (spikes: per reading) and independent of the
/// others.
struct FaultOptions {
  double duplicates =
      0;  ///< sent again up to 5 s later, though not beyond reorder_max where messages are reordered
  double reorder = 0;  ///< held back for up to reorder_max of event time
  Microseconds reorder_max = std::chrono::seconds{30};
  double lose = 0;  ///< never sent; the seq is used up
  std::vector<Spike> spikes;
};

struct Message {
  Sample sample;
  Timestamp due;        ///< in event time
  bool repeat = false;  ///< a duplicate: the first one has left before
  std::uint64_t order = 0;
};

/// Turns samples into messages in order of due time. Samples that step back in time are due with the newest
/// before them, so they keep the order of their source. Holds only what is delayed: memory is bounded by rate
/// * delay.
class Faults {
 public:
  Faults(Source source, const Catalogue& catalogue, FaultOptions options, std::uint64_t seed);

  /// Nothing at the end.
  std::optional<Message> next();

  /// The newest event time that the source has reached. When it has ended, what is still held back is due
  /// later.
  [[nodiscard]] Timestamp newest() const { return newest_; }
  /// Readings lost on purpose so far.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  void take(Sample sample);
  void push(Message message);
  void spike(Sample& sample) const;
  [[nodiscard]] double draw(Purpose purpose, const Sample& sample) const;

  const Source source_;
  const Catalogue& catalogue_;
  const FaultOptions options_;
  const Random random_;
  std::vector<Message> held_;  // a heap, the next due on top
  Timestamp newest_ = Timestamp::min();
  bool ended_ = false;
  std::uint64_t order_ = 0, lost_ = 0;
};

}  // namespace lookout
