#include "common/clock_trust.h"

#include <spdlog/spdlog.h>
#include <sys/timex.h>

namespace lookout {

bool kernel_clock_is_synchronised() {
  timex state{};
  const int code = ::adjtimex(&state);
  return code >= 0 && code != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

bool is_trusted(ClockSetting setting) {
  return setting == ClockSetting::automatic ? kernel_clock_is_synchronised()
                                            : setting == ClockSetting::trusted;
}

ClockTrust::ClockTrust(ClockSetting setting, Kernel kernel)
    : setting_(setting),
      kernel_(kernel),
      trusted_(setting == ClockSetting::automatic ? kernel() : setting == ClockSetting::trusted) {}

bool ClockTrust::look(Timestamp wall, Steady::time_point steady) {
  const auto ahead = wall.time_since_epoch() - std::chrono::floor<Microseconds>(steady.time_since_epoch());
  const Microseconds step = ahead - ahead_.value_or(ahead);
  ahead_ = ahead;
  if (abs(step) <= kLargestSlew || setting_ == ClockSetting::untrusted) return trusted_;
  if (setting_ == ClockSetting::automatic) trusted_ = false;
  spdlog::warn("clock: it was stepped by {:.1f} s: {}", std::chrono::duration<double>(step).count(),
               trusted_ ? "believed all the same, as configured" : "not believed until the kernel does");
  return trusted_;
}

bool ClockTrust::ask(Timestamp wall, Steady::time_point steady) {
  look(wall, steady);
  if (setting_ != ClockSetting::automatic || kernel_() == trusted_) return trusted_;
  trusted_ = !trusted_;
  spdlog::info("clock: the kernel says that it is {}", trusted_ ? "synchronised" : "not synchronised");
  return trusted_;
}

}  // namespace lookout
