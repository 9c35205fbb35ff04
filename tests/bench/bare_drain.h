#pragma once

#include <cstdint>

#include "tests/bench/process_figures.h"

namespace lookout::bench {

/// What it took to drain a backlog, from the start of the program.
struct Drained {
  double seconds = 0;
  ProcessFigures figures{};
};

/// A durable session of a bare Paho subscriber on the topics of the default inputs, left in the broker.
void make_bare_session(std::uint16_t port);

/// Drains it in a process of its own, as Lookout's programs are: this program, started anew as
/// `bare PORT MESSAGES`. Ends the program where that fails.
Drained drain_bare(std::uint16_t port, int messages);
/// What that process does: counts the messages and nothing else. Returns its exit code.
int count_bare(std::uint16_t port, int messages);

/// `bytes`: of the topics and payloads of all readings.
void print(const char* who, const Drained& drained, int readings, double bytes);

}  // namespace lookout::bench
