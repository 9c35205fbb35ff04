#include "gateway/stats.h"

#include <nlohmann/json.hpp>

#include "common/duration.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kListedGroups = 100;  // a payload stays readable, whatever the number of regions

}  // namespace

ordered_json books_json(const Books& books) {
  ordered_json rejected = ordered_json::object();
  for (std::size_t i = 0; i < books.rejected.size(); ++i) {
    if (books.rejected[i] > 0) rejected[std::string(kReasonNames[i])] = books.rejected[i];
  }
  return {{"received", books.received},
          {"accepted", books.accepted},
          {"duplicate", books.duplicate},
          {"rejected", rejected},
          {"late", books.late},
          {"corrected", books.corrected},
          {"refused", books.refused},
          {"windows_full", books.windows_full},
          {"watermarks_set_back", books.watermarks_set_back},
          {"retained_ignored", books.retained_ignored}};
}

std::string render_stats(const Machine& machine, const StatsFrame& frame) {
  ordered_json stats;
  stats["time"] = to_rfc3339(frame.time);
  stats["books"] = books_json(machine.books());
  stats["seq_gaps"] = machine.seqs().gaps();
  stats["seq_conflicts"] = machine.seqs().conflicts();
  stats["lag"] = {{"records", frame.lag_records}, {"bytes", frame.lag_bytes}};
  stats["journal_bytes"] = frame.journal_bytes;
  stats["journal_limit"] = frame.journal_limit;
  stats["journal_full"] = frame.journal_full;
  stats["disk_full"] = frame.disk_full;
  stats["power_cut"] = frame.power_cut;
  stats["unreadable_records"] = frame.unreadable_records;
  stats["outbox"] = frame.outbox;
  stats["replays"] = frame.replays;
  stats["snapshot_age_s"] = frame.snapshot_age_s;
  stats["readings_per_second"] = frame.readings_per_second;
  stats["series"] = machine.series().size();
  stats["held_windows"] = machine.windows().held();
  stats["remembered_identities"] = machine.remembered();
  stats["alerts_firing"] = machine.alerts().firing();
  ordered_json watermarks = ordered_json::object();
  machine.windows().for_each_large_group([&](const GroupName& group, Timestamp watermark) {
    if (watermarks.size() < kListedGroups)
      watermarks[group.network + '/' + group.text()] = to_rfc3339(watermark);
  });
  stats["watermarks"] = watermarks;
  const ReferenceClock& clock = machine.clock();
  stats["clock"] = {{"trusted", clock.trusted()},
                    {"reference", to_rfc3339(clock.now())},
                    {"connected_s", to_seconds(clock.connected())}};
  stats["lateness"] = delays_json(machine.lateness().overall(), machine.lag());
  return stats.dump();
}

}  // namespace lookout
