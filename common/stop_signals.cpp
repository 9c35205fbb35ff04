#include "common/stop_signals.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "common/ending_signals.h"
#include "common/exit_code.h"

namespace lookout {
namespace {

// timeout(1), make and sudo signal a process and then its group: what comes that close together is one
// signal.
constexpr auto kSameSignal = std::chrono::milliseconds{500};

}  // namespace

StopSignals::StopSignals() {
  block_ending_signals();
  watcher_ = std::jthread([this](const std::stop_token& end) { watch(end); });
}

StopSignals::~StopSignals() {
  watcher_.request_stop();
  pthread_kill(watcher_.native_handle(), SIGINT);
}

void StopSignals::watch(const std::stop_token& end) {
  const sigset_t signals = ending_signals();
  std::optional<std::chrono::steady_clock::time_point> first;
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && !end.stop_requested()) {
    const auto now = std::chrono::steady_clock::now();
    if (first && now - *first >= kSameSignal) ::_exit(kExitFailed);
    if (!first) first = now;
    source_.request_stop();
  }
}

}  // namespace lookout
