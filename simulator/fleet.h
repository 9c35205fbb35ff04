#pragma once

#include "simulator/sample.h"
#include "simulator/scenario.h"
#include "simulator/waveform.h"

namespace lookout {

/// How readings are put into messages.
enum class Form { one_metric, combined };

/// Samples of all sensors in order of instant, made one at a time: memory does not grow with the duration.
/// Sensor i of N samples at start + k * interval + i * interval / N, cut to milliseconds; k is its seq.
class Fleet {
 public:
  /// `start` on a whole millisecond. The scenario has passed check().
  Fleet(Scenario scenario, Timestamp start, Form form, std::uint64_t seed);

  /// Goes on after the scenario's duration.
  void never_end() { endless_ = true; }

  /// The next sample: of every metric where the form is combined, else of one metric. False at the end.
  bool next(Sample& sample);

 private:
  [[nodiscard]] Microseconds instant() const;  ///< from the start
  void advance();

  const Scenario scenario_;
  const Timestamp start_;
  const Form form_;
  const Waveform waveform_;
  bool endless_ = false;
  std::uint64_t round_ = 0;
  std::uint32_t sensor_ = 0, metric_ = 0;
};

/// The names of a checked scenario.
Catalogue make_catalogue(const Scenario& scenario, std::uint64_t seed);

/// The boot id follows from the seed.
std::uint16_t make_boot(std::uint64_t seed);

}  // namespace lookout
