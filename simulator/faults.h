#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/delay_model.h"
#include "simulator/fault_options.h"
#include "simulator/fault_scope.h"
#include "simulator/outages.h"
#include "simulator/reboots.h"
#include "simulator/sample.h"
#include "simulator/sensor_clocks.h"
#include "simulator/spikes.h"
#include "simulator/stuck_values.h"

namespace lookout {

struct Message {
  Sample sample;        ///< as it is sent
  Timestamp due;        ///< in true event time, whatever the sensor's clock says
  bool repeat = false;  ///< a duplicate: the first one has left before
  std::uint64_t order = 0;
};

/// Turns samples into messages in order of due time. Samples that step back in time are due with the newest
/// before them, so they keep the order of their source. Holds only what is delayed: memory is bounded by rate
/// * delay.
class Faults {
 public:
  /// The field's catalogue must outlive this; the options have passed check_faults().
  Faults(Source source, const Field& field, FaultOptions options);

  /// Nothing at the end.
  std::optional<Message> next();

  /// The newest event time that the source has reached. When it has ended, what is still held back is due
  /// later.
  [[nodiscard]] Timestamp newest() const { return newest_; }
  /// Readings lost on purpose so far.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  void take(Sample sample);
  void depart_until(Timestamp time);
  void travel(Departure departure);
  void push(Message message);

  const Source source_;
  const Field field_;
  const FaultOptions options_;

  // In the order in which a sample passes them: in the sensor, then on its way.
  const Spikes spikes_;
  StuckValues stuck_;
  const SensorClocks clocks_;
  Reboots reboots_;
  Outages outages_;
  const DelayModel delays_;

  std::vector<Message> held_;  // a heap, the next due on top
  Timestamp newest_ = Timestamp::min();
  bool ended_ = false;
  std::uint64_t order_ = 0, lost_ = 0;
};

}  // namespace lookout
