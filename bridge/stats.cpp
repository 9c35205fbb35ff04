#include "bridge/stats.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lookout {

ArchiveBooks& ArchiveBooks::operator+=(const ArchiveBooks& other) {
  received += other.received;
  accepted += other.accepted;
  duplicate += other.duplicate;
  for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
  retained_ignored += other.retained_ignored;
  archived.messages += other.archived.messages;
  archived.readings += other.archived.readings;
  archived.aggregates += other.archived.aggregates;
  malformed_aggregates += other.malformed_aggregates;
  return *this;
}

std::optional<double> time_to_drain(const ForwardFigures& forward) {
  // What came within the last moments is on its way, not behind.
  constexpr double kOnItsWay = 2;
  if (static_cast<double>(forward.pending) <= kOnItsWay * forward.in_per_s) return 0;
  const double gained = forward.out_per_s - forward.in_per_s;
  if (gained <= 0) return std::nullopt;
  return static_cast<double>(forward.pending) / gained;
}

std::string render_stats(Timestamp now, const ArchiveBooks& books, const JournalState& journal,
                         const ArchiveState& archive, const ForwardFigures& forward) {
  auto rejected = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < books.rejected.size(); ++i) {
    if (books.rejected[i] > 0) rejected[std::string(kReasonNames[i])] = books.rejected[i];
  }
  nlohmann::ordered_json payload;
  payload["time"] = to_rfc3339(now);
  payload["books"] = {{"received", books.received},
                      {"accepted", books.accepted},
                      {"duplicate", books.duplicate},
                      {"rejected", rejected},
                      {"retained_ignored", books.retained_ignored}};
  payload["lag"] = {{"records", journal.lag_records}, {"bytes", journal.lag_bytes}};
  payload["journal_bytes"] = journal.journal_bytes;
  payload["journal_limit"] = journal.journal_limit;
  payload["journal_full"] = journal.journal_full;
  payload["disk_full"] = journal.disk_full;
  payload["power_cut"] = journal.power_cut;
  payload["unreadable_records"] = journal.unreadable_records;
  payload["archived"] = {{"messages", books.archived.messages},
                         {"readings", books.archived.readings},
                         {"aggregates", books.archived.aggregates}};
  payload["archive"] = {{"state", archive.state},
                        {"error", archive.error},
                        {"epoch", fmt::format("{:016x}", archive.epoch)},
                        {"first_offset", archive.first_offset},
                        {"next_offset", archive.next_offset},
                        {"files", archive.files},
                        {"bytes", archive.bytes}};
  payload["kafka"] = {{"state", forward.state},
                      {"error", forward.error},
                      {"offset", forward.cursor.offset},
                      {"in_per_s", forward.in_per_s},
                      {"out_per_s", forward.out_per_s}};
  payload["forwarded"] = {{"messages", forward.cursor.messages}, {"records", forward.cursor.records}};
  if (forward.state != "off") {
    payload["pending"] = forward.pending;
    const auto drain = time_to_drain(forward);
    payload["drain_s"] = drain ? nlohmann::ordered_json(*drain) : nlohmann::ordered_json();
  }
  payload["evicted"] = archive.evicted;
  payload["evicted_unforwarded"] = archive.evicted_unforwarded;
  payload["malformed_aggregates"] = books.malformed_aggregates;
  return payload.dump();
}

}  // namespace lookout
