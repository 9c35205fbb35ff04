// lookout-simulator: sensors without a field. Started by a person, a demo or a test; needs no configuration
// and no state.
//
// Reads: the command line; `play` also a table (CSV). Writes: readings to an MQTT broker, QoS 1, or with
// --dry-run to standard output; with --truth a ledger of what the broker acknowledged; progress and a line of
// figures to stderr.
//
// Interrupted (SIGINT, SIGTERM) it stops making readings, gives what is on its way 5 s, and ends with the
// ledger whole; a second signal ends it at once. Killed, it leaves a ledger that lacks at most the last
// second. It keeps nothing between runs: the same seed and start make the same readings again.
#include <cstdio>

#include "common/cli.h"
#include "common/exit_code.h"
#include "simulator/options.h"
#include "simulator/send.h"

namespace {

int run(const lookout::RunOptions& options) {
  const auto plan = lookout::plan_run(options, lookout::wall_clock_now());
  if (plan) return lookout::send(*plan, options.send);
  std::fprintf(stderr, "%s\nRun with --help for more information.\n", plan.error().c_str());
  return lookout::kExitUsage;
}

int play(const lookout::PlayOptions& options) {
  const auto plan = lookout::plan_play(options, lookout::wall_clock_now());
  if (plan) return lookout::send(*plan, options.send);
  std::fprintf(stderr, "%s\n", plan.error().c_str());
  return lookout::kExitFailed;
}

}  // namespace

int main(int argc, char** argv) {
  lookout::CommandLine line("Publishes readings of sensors that are not there");
  lookout::RunOptions run_options;
  lookout::PlayOptions play_options;
  add_run_options(line.command("run", "Simulate a network of sensors, with fires and faults",
                               [&] { return run(run_options); }),
                  run_options);
  add_play_options(line.command("play", "Play a recorded table as if it were measured now",
                                [&] { return play(play_options); }),
                   play_options);
  return line.run(argc, argv);
}
