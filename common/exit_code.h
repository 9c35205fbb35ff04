#pragma once

namespace lookout {

/// What every Lookout program returns to who started it.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitTryAgain = 75,  ///< state locked, disk gone
  kExitConfiguration = 78,
};

}  // namespace lookout
