#include "bridge/recorder.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "bridge/subscriptions.h"

namespace lookout {

ArchiveResult<void> Recorder::record(std::uint64_t offset, const MessageView& message) {
  if (auto added = archive_.add_message(offset, message); !added) return added;
  ++batch_.archived.messages;
  switch (origin_of(message.topic)) {
    case Origin::sensor:
      return record_readings(offset, message);
    case Origin::aggregate:
      return record_aggregate(offset, message);
    case Origin::result:
      return {};
  }
  std::unreachable();
}

ArchiveResult<void> Recorder::record_readings(std::uint64_t offset, const MessageView& message) {
  decoder_.decode(message, decoded_);
  batch_.received += decoded_.readings.size() + decoded_.refusals.size();
  for (const Refusal& refusal : decoded_.refusals) batch_.reject(refusal.reason);
  if (decoded_.readings.empty() && decoded_.refusals.empty()) ++batch_.retained_ignored;
  std::uint16_t part = 0;
  for (const Reading& reading : decoded_.readings) {
    const auto is_new = archive_.add_reading(offset, part++, decoder_.series()[reading.series], reading);
    if (!is_new) return std::unexpected(is_new.error());
    ++(*is_new ? batch_.accepted : batch_.duplicate);
    if (*is_new) ++batch_.archived.readings;
  }
  return {};
}

ArchiveResult<void> Recorder::record_aggregate(std::uint64_t offset, const MessageView& message) {
  const auto row = parse_aggregate(message.payload);
  if (!row) {
    ++batch_.malformed_aggregates;
    spdlog::debug("archive: offset {} on {} is no aggregate: {}", offset, message.topic, row.error());
    return {};
  }
  const auto is_new = archive_.add_aggregate(offset, *row);
  if (!is_new) return std::unexpected(is_new.error());
  if (*is_new) ++batch_.archived.aggregates;
  return {};
}

void Recorder::settle() {
  books_ += batch_;
  batch_ = {};
}

}  // namespace lookout
