#include "simulator/send.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "common/exit_code.h"
#include "common/stop_signals.h"
#include "simulator/dry_run.h"
#include "simulator/faults.h"
#include "simulator/ledger.h"
#include "simulator/publish.h"

namespace lookout {
namespace {

int fail(const std::string& why) {
  spdlog::error("{}", why);
  return kExitFailed;
}

std::string summary(const Tally& tally, std::uint64_t lost, std::uint64_t skipped, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(tally.published) / seconds : 0;
  std::string text = fmt::format(
      "simulator: {} readings made, {} acknowledged, {} lost on purpose, {} duplicates, {:.1f} s, "
      "{:.0f}/s",
      tally.published, tally.acknowledged, lost, tally.repeats, seconds, rate);
  if (skipped > 0) text += fmt::format(", {} cells skipped", skipped);
  return text;
}

}  // namespace

int send(const Plan& plan, const SendOptions& options) {
  StopSignals signals;
  std::unique_ptr<Ledger> ledger;
  if (!options.truth.empty()) {
    auto created = Ledger::create(options.truth, plan.catalogue);
    if (!created) return fail(created.error());
    ledger = std::move(*created);
  }
  Faults faults(plan.source, field_of(plan, options), options.faults);
  const auto begin = std::chrono::steady_clock::now();
  const Result<Tally> tally = options.dry_run
                                  ? write_messages(plan, faults, ledger.get(), stdout, signals.token())
                                  : Publisher(plan, options, ledger.get(), signals).run(faults);
  if (!tally) return fail(tally.error());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const auto written = ledger ? ledger->flush() : Result<void>{};
  std::fprintf(stderr, "%s\n", summary(*tally, faults.lost(), plan.skipped(), seconds.count()).c_str());
  if (!written) return fail(written.error());
  if (plan.failure()) return kExitFailed;  // said when it happened
  // What was made and not acknowledged: somebody stopped the run before the broker had everything.
  return tally->acknowledged == tally->published ? kExitDone : kExitFailed;
}

}  // namespace lookout
