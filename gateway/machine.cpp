#include "gateway/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/duration.h"

namespace lookout {
namespace {

Microseconds largest_window(const std::vector<WindowConfig>& windows) {
  Microseconds largest = std::chrono::minutes{5};
  for (const WindowConfig& window : windows) largest = std::max(largest, window.size);
  return largest;
}

}  // namespace

std::expected<Machine, std::vector<Problem>> Machine::create(const Config& config, std::string box_id) {
  auto alerts = Alerts::create(config.rules, std::move(box_id));
  if (!alerts) return std::unexpected(std::move(alerts.error()));
  return Machine(config, std::move(*alerts));
}

Machine::Machine(const Config& config, Alerts alerts)
    : time_(config.time),
      decoder_(std::make_unique<Decoder>(config.inputs, config.limits)),
      dedup_(largest_window(config.windows), config.time.identity_window),
      windows_(std::make_unique<Windows>(decoder_->series(), config.windows, config.time.lag)),
      alerts_(std::move(alerts)) {}

void Machine::step(const journal::Record& record, std::vector<Output>& outputs) {
  outputs.clear();
  decoder_->decode(record.message, decoded_);
  for (Refusal& refusal : decoded_.refusals) reject(std::move(refusal), outputs);
  for (const Reading& reading : decoded_.readings) take(reading, record.message.arrival, outputs);
  if (decoded_.refusals.empty() && decoded_.readings.empty()) ++books_.retained_ignored;
}

void Machine::take(const Reading& reading, Timestamp arrival, std::vector<Output>& outputs) {
  if (auto refusal = guard(reading, arrival)) return reject(std::move(*refusal), outputs);
  ++books_.received;
  const auto verdict = windows_->judge(reading);
  if (verdict.covered && !verdict.taken) {
    // Before dedup: what no window can take is late, also the second time; its identity need not be
    // remembered.
    ++books_.late;
    outputs.push_back(Late{decoder_->series()[reading.series].metric, verdict.refused_by, verdict.late_by});
    return;
  }
  // What no window covers is remembered for identity_window, and never at the cost of what a window still
  // needs.
  auto horizon = windows_->horizon(reading);
  if (!verdict.covered) horizon = std::min(horizon, arrival - time_.identity_window);
  if (dedup_.is_repeat(windows_->sensor_of(reading), reading, arrival, horizon)) {
    ++books_.duplicate;
    return;
  }
  ++books_.accepted;
  books_.refused += verdict.refused_by.size();
  closed_.clear();
  windows_->take(reading, arrival, closed_);
  for (ClosedWindow& window : closed_) {
    changes_.clear();
    alerts_.evaluate(window, changes_);
    outputs.push_back(std::move(window));
    for (AlertChange& change : changes_) outputs.push_back(std::move(change));
  }
}

void Machine::reject(Refusal refusal, std::vector<Output>& outputs) {
  ++books_.received;
  ++books_.rejected[static_cast<std::size_t>(refusal.reason)];
  outputs.push_back(Rejected{std::move(refusal)});
}

// A clock that is wrong must never move a watermark: judged before any window hears of the reading.
std::optional<Refusal> Machine::guard(const Reading& reading, Timestamp arrival) const {
  const std::string& metric = decoder_->series()[reading.series].metric;
  if (reading.event_time > arrival + time_.max_future) {
    return Refusal{Reason::future,
                   fmt::format("event_time {} is more than {} (time.max_future) ahead of the box's clock",
                               to_rfc3339(reading.event_time), format_duration(time_.max_future)),
                   metric};
  }
  if (reading.event_time < arrival - time_.max_past) {
    return Refusal{Reason::past,
                   fmt::format("event_time {} is more than {} (time.max_past) behind the box's clock",
                               to_rfc3339(reading.event_time), format_duration(time_.max_past)),
                   metric};
  }
  return std::nullopt;
}

}  // namespace lookout
