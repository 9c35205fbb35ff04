#include "common/clock_trust.h"

#include <sys/timex.h>

namespace lookout {

bool kernel_clock_is_synchronised() {
  timex state{};
  const int code = ::adjtimex(&state);
  return code >= 0 && code != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace lookout
