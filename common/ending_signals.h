#pragma once

#include <pthread.h>

#include <csignal>

namespace lookout {

/// SIGINT and SIGTERM: what asks a program to end.
inline sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

/// Keeps them for whoever calls sigwait. Before any other thread begins, so that all have them blocked.
inline void block_ending_signals() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace lookout
