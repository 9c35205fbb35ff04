#include "gateway/timeline.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Microseconds kLongest = kLatestTime - kEarliestTime;  // no recording makes the sum overflow

}  // namespace

std::optional<journal::Record> Timeline::tick_before(Timestamp arrival, std::optional<Microseconds> due_in) {
  if (!line_ || !due_in || last_.stamp.connected + *due_in >= connected_at(arrival)) return std::nullopt;
  const Microseconds wait = std::max(*due_in, Microseconds{0});
  if (wait == Microseconds{0} && stuck_) return std::nullopt;
  stuck_ = wait == Microseconds{0};
  ++last_.offset;
  last_.message.arrival += wait;
  last_.stamp.connected += wait;
  return last_;
}

journal::Record Timeline::message(const MessageView& message) {
  const Microseconds connected = connected_at(message.arrival);
  if (line_) ++last_.offset;
  line_ = Line{message.arrival, connected};
  last_.message.arrival = message.arrival;
  last_.stamp.connected = connected;
  stuck_ = false;
  return standing(message);
}

journal::Record Timeline::standing(const MessageView& message) const {
  journal::Record record = last_;
  record.kind = journal::Kind::message;
  record.message = message;
  record.message.arrival = last_.message.arrival;
  return record;
}

Microseconds Timeline::connected_at(Timestamp arrival) const {
  if (!line_) return {};
  return std::min(line_->connected + std::max(arrival - line_->arrival, Microseconds{0}), kLongest);
}

}  // namespace lookout
