#include "gateway/replay_job.h"

#include <fmt/format.h>

#include "common/replay_topic.h"
#include "gateway/publish.h"

namespace lookout {
namespace {

constexpr std::size_t kMostWaiting = 65'536;
constexpr std::size_t kGroupsAtOnce = 16;  // at the end

}  // namespace

ReplayJob::ReplayJob(std::string_view name, ReplayStart start, Machine machine, bool trusted,
                     Microseconds now)
    : name_(name),
      prefix_(fmt::format("{}{}/", kReplayPrefix, name)),
      start_(std::move(start)),
      machine_(std::move(machine)),
      playback_(machine_, start_.by, trusted),
      sink_([this](const auto& outputs, const auto& cause) { return keep(outputs, cause); }),
      heard_(now) {}

void ReplayJob::take(std::string_view topic, const MessageView& envelope, Microseconds now,
                     std::vector<Outgoing>& messages) {
  heard_ = now;
  if (ending_) return;
  const auto content = parse_envelope(envelope);
  if (!content) {
    if (++figures_.unreadable == 1) figures_.first_unreadable = content.error();
    return;
  }
  if (!recent_.insert(content->offset)) {
    ++figures_.repeats;
    return;
  }
  ++figures_.messages;
  const std::size_t before = waiting_.size();
  // Keeping what comes out cannot fail.
  [[maybe_unused]] const auto taken =
      playback_.take({content->arrival, topic, content->payload, content->retain, content->cut}, sink_);
  if (before > kMostWaiting) put_out(waiting_.size() - before, messages);
}

void ReplayJob::take(const ReplayMark& mark) {
  if (!ending_) waiting_.push_back(render(name_, mark));
}

Result<void> ReplayJob::keep(const std::vector<Output>& outputs, const journal::Record& cause) {
  for (const Output& output : outputs) {
    rendered_.clear();
    render(output, cause, rendered_, prefix_);
    figures_.outputs[output.index()] += rendered_.size();
    for (Outgoing& message : rendered_) waiting_.push_back(std::move(message));
  }
  return {};
}

// A few groups that hold nothing count as one message: they take their time too.
void ReplayJob::put_out(std::size_t at_most, std::vector<Outgoing>& messages) {
  for (; at_most > 0 && has_work() && !done_; --at_most) {
    if (!waiting_.empty()) {
      messages.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    } else if (!finished_) {
      finished_ = !playback_.finish(sink_, kGroupsAtOnce).value_or(false);
    } else {
      messages.push_back(summary(ReplayState::done));
      done_ = true;
    }
  }
}

Outgoing ReplayJob::summary(ReplayState state, std::string_view detail) const {
  return render(ReplaySummary{name_, state, detail, &start_, &figures_, &machine_.books()});
}

}  // namespace lookout
