#include "simulator/plan.h"

#include <memory>
#include <utility>

#include "simulator/fault_checks.h"

namespace lookout {
namespace {

// A fixed time, so that a dry run with the same seed gives the same bytes.
constexpr Timestamp kDryRunStart = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

Scenario make_scenario(const RunOptions& options) {
  Scenario scenario = preset(options.preset);
  if (options.network) scenario.network = *options.network;
  if (options.sensors) scenario.sensors = *options.sensors;
  if (options.interval) scenario.interval = *options.interval;
  if (options.duration) scenario.duration = *options.duration;
  if (!options.regions.empty()) scenario.regions = options.regions;
  if (!options.metrics.empty()) scenario.metrics = options.metrics;
  fit_fires(scenario);
  scenario.fires.insert(scenario.fires.end(), options.fires.begin(), options.fires.end());
  return scenario;
}

Timestamp default_start(const RunOptions& options, const Scenario& scenario, Timestamp now) {
  if (options.send.dry_run) return kDryRunStart;
  return options.send.speed == 1 ? now : now - scenario.duration;
}

Timestamp align(Timestamp time, Microseconds step) {
  const Microseconds since = time.time_since_epoch();
  return time - ((since % step) + step) % step;
}

}  // namespace

Result<Plan> plan_run(const RunOptions& options, Timestamp now) {
  const Scenario scenario = make_scenario(options);
  if (auto checked = check(scenario); !checked) return Failure(checked.error());
  Plan plan;
  plan.catalogue = make_catalogue(scenario, options.send.seed);
  plan.form = options.combined ? Form::combined : Form::one_metric;
  // The clock does not go back to the aligned start: what lies between is sent at once, and 1x is the
  // present.
  plan.clock_start = options.start.value_or(default_start(options, scenario, now));
  const Timestamp start =
      align(plan.clock_start, options.start ? std::chrono::milliseconds{1} : scenario.alignment);
  plan.data_start = start;
  if (auto checked = check_faults(options.send.faults, field_of(plan, options.send)); !checked)
    return Failure(checked.error());
  auto fleet = std::make_shared<Fleet>(scenario, start, plan.form, options.send.seed);
  plan.source = [fleet](Sample& sample) { return fleet->next(sample); };
  if (options.follow) {
    fleet->never_end();
  } else {
    const double instants =
        static_cast<double>(scenario.duration.count()) / static_cast<double>(scenario.interval.count());
    plan.clock_end = start + scenario.duration;
    plan.expected = instants * static_cast<double>(scenario.sensors * scenario.metrics.size());
  }
  return plan;
}

Result<Plan> plan_play(const PlayOptions& options, Timestamp now) {
  auto opened = Recording::open(options.recording);
  if (!opened) return Failure(opened.error());
  const std::shared_ptr<Recording> recording = std::move(*opened);
  const Recording::Span& span = recording->span();
  // At 1x it is as if it were measured now; at any other speed the past is caught up with.
  const Timestamp live = options.send.speed == 1 ? now - span.first : now - span.latest;
  const Timestamp by_default = options.send.dry_run ? kDryRunStart - span.first : live;
  const Timestamp zero = align(options.time_zero.value_or(by_default), std::chrono::milliseconds{1});
  recording->set_time_zero(zero);
  Plan plan;
  plan.catalogue = recording->catalogue();
  plan.catalogue.boot = make_boot(options.send.seed);
  plan.data_start = zero + span.first;
  if (auto checked = check_faults(options.send.faults, field_of(plan, options.send)); !checked)
    return Failure(checked.error());
  plan.source = [recording](Sample& sample) { return recording->next(sample); };
  plan.skipped = [recording] { return recording->skipped(); };
  plan.failure = [recording] { return recording->failed(); };
  plan.clock_start = plan.data_start;
  plan.clock_end = zero + span.latest;
  plan.expected = static_cast<double>(span.rows * recording->columns());
  return plan;
}

}  // namespace lookout
