#pragma once

#include <chrono>
#include <optional>

#include "common/config.h"
#include "common/timestamp.h"

namespace lookout {

/// Whether the kernel says that the wall clock is synchronised (adjtimex(2)); no when it cannot be asked.
bool kernel_clock_is_synchronised();

/// Whether the wall clock is believed now.
bool is_trusted(ClockSetting setting);

/// Whether the wall clock is believed, from look to look. Under `auto` a step of it beyond what clocks are
/// slewed by (kLargestSlew from one look to the next) ends the trust at once, whoever made it, until the
/// kernel is asked again: who sets the clock sets it to unsynchronised, and only who keeps it synchronised,
/// such as an NTP daemon, takes that back. What the operator says holds, whatever the clock does. Threading:
/// one owner.
class ClockTrust {
 public:
  using Steady = std::chrono::steady_clock;
  using Kernel = bool (*)();
  static constexpr Steady::duration kLargestSlew = std::chrono::seconds{1};

  explicit ClockTrust(ClockSetting setting, Kernel kernel = kernel_clock_is_synchronised);
  /// Compares the wall clock with the steady one; cheap.
  bool look(Timestamp wall, Steady::time_point steady);
  /// Asks the kernel too.
  bool ask(Timestamp wall, Steady::time_point steady);

 private:
  const ClockSetting setting_;
  const Kernel kernel_;
  bool trusted_;
  std::optional<Timestamp::duration> ahead_;  // of the steady clock, at the last look
};

}  // namespace lookout
