#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/config.h"
#include "simulator/fault_scope.h"
#include "simulator/fleet.h"
#include "simulator/recording.h"
#include "simulator/sample.h"
#include "simulator/scenario.h"

namespace lookout {

/// How and where to; the same for both commands.
struct SendOptions {
  MqttConfig mqtt;
  double speed = 1;  ///< infinite: as fast as the broker takes it
  std::uint64_t seed = 1;
  FaultOptions faults;
  std::string truth;  ///< file of the ledger; empty: none
  bool dry_run = false;
};

/// What was asked for; what was not keeps the preset's value.
struct RunOptions {
  SendOptions send;
  std::string preset;
  std::optional<std::string> network;
  std::optional<std::size_t> sensors;
  std::optional<Microseconds> interval, duration;
  std::optional<Timestamp> start;
  std::vector<std::string> regions;
  std::vector<MetricModel> metrics;
  std::vector<Fire> fires;  ///< beside the preset's
  bool combined = false, follow = false;
};

struct PlayOptions {
  SendOptions send;
  RecordingOptions recording;
  std::optional<Timestamp> time_zero;
};

/// What is to be sent.
struct Plan {
  Catalogue catalogue;
  Source source;
  Form form = Form::one_metric;
  Timestamp data_start;                                       ///< what the times of faults count from
  Timestamp clock_start;                                      ///< what the event clock reads at the beginning
  Timestamp clock_end;                                        ///< and at the end, where there is one
  double expected = 0;                                        ///< readings in all, about; 0: endless
  std::function<std::uint64_t()> skipped = [] { return 0; };  ///< cells that held no number
  std::function<bool()> failure = [] { return false; };       ///< the source ended before its end
};

/// What its faults are judged against. The plan must outlive it.
inline Field field_of(const Plan& plan, const SendOptions& options) {
  return {plan.catalogue, plan.data_start, Random(options.seed)};
}

/// Fails when the options contradict each other.
Result<Plan> plan_run(const RunOptions& options, Timestamp now);

/// Fails when the file cannot be played.
Result<Plan> plan_play(const PlayOptions& options, Timestamp now);

}  // namespace lookout
