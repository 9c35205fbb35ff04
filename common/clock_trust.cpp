#include "common/clock_trust.h"

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

}  // namespace lookout
