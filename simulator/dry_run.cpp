#include "simulator/dry_run.h"

#include <string>

#include "common/file.h"
#include "simulator/message_format.h"

namespace lookout {
namespace {

constexpr std::size_t kBuffer = 65536;

Result<void> write_out(std::string& lines, std::FILE* out, Ledger* ledger) {
  const bool written =
      std::fwrite(lines.data(), 1, lines.size(), out) == lines.size() && std::fflush(out) == 0;
  if (!written) return Failure(describe_errno("cannot write to", "standard output"));
  lines.clear();
  return ledger ? ledger->flush() : Result<void>{};
}

}  // namespace

Result<Tally> write_messages(const Plan& plan, Faults& faults, Ledger* ledger, std::FILE* out,
                             const std::stop_token& stop) {
  Tally tally;
  std::string lines;
  while (!stop.stop_requested()) {
    const auto message = faults.next();
    if (!message) break;
    append_recorded(lines, message->due, format_message(plan.catalogue, message->sample, plan.form));
    (message->repeat ? tally.repeats : tally.published) += message->sample.values.size();
    if (ledger && !message->repeat) {
      ledger->expect(message->sample);
      ledger->acknowledge(message->due);
    }
    if (lines.size() < kBuffer) continue;
    if (auto written = write_out(lines, out, ledger); !written) return Failure(written.error());
  }
  if (auto written = write_out(lines, out, ledger); !written) return Failure(written.error());
  tally.acknowledged = tally.published;
  return tally;
}

}  // namespace lookout
