// The part of Windows that connected time drives: closing by idleness, and corrections when they are due.
#include <algorithm>

#include "gateway/window.h"

namespace lookout {
namespace {

constexpr auto kNever = Microseconds::max();

}  // namespace

void Windows::run_deadlines(const Moment& now, std::vector<ClosedWindow>& closed) {
  while (earliest_deadline() <= now.connected) {
    const auto due = next_deadline();
    if (!due || *due > now.connected) return;
    if (!corrections_.empty() && corrections_.front().due == *due) {
      const Correction correction = corrections_.front();
      corrections_.pop_front();
      correct(correction, now.arrival, closed);
    } else {
      // At the deadline itself, not at the record that shows it has passed: how often records come must not
      // matter.
      close_idle(idle_deadlines_.top().group, {now.arrival, *due}, closed);
    }
  }
}

// No later than the next deadline, and cheap.
Microseconds Windows::earliest_deadline() const {
  const Microseconds idle = idle_deadlines_.empty() ? kNever : idle_deadlines_.top().deadline;
  return corrections_.empty() ? idle : std::min(idle, corrections_.front().due);
}

std::optional<Microseconds> Windows::next_deadline() {
  Microseconds next = next_idle_deadline();
  if (!corrections_.empty()) next = std::min(next, corrections_.front().due);
  return next == kNever ? std::nullopt : std::optional(next);
}

void Windows::correct(const Correction& correction, Timestamp decided, std::vector<ClosedWindow>& closed) {
  const auto& [due, id, slot] = correction;
  const Window& window = window_at(names_.by(id), slot);
  std::visit(
      [&](auto& store) {
        store.correct(window.times, due, names_.members(id), emitter(id, window, decided, closed));
      },
      groups_[id].stores[slot]);
}

void Windows::close_idle(GroupId id, const Moment& now, std::vector<ClosedWindow>& closed) {
  const Group& group = groups_[id];
  const Timestamp carried_on = group.newest + (now.connected - group.newest_connected);
  for_each_store(id, [&](auto& store, const Window& window) {
    store.close_idle(window.times, carried_on - window.times.lag, names_.members(id),
                     emitter(id, window, now.arrival, closed));
  });
  find_next_change(id);
  put_in_queue(id, true_idle_deadline(id));
}

// When the group's next window closes by idleness, if nothing is heard of it before.
Microseconds Windows::true_idle_deadline(GroupId id) const {
  const Group& group = groups_[id];
  if (!group.heard()) return kNever;
  auto next = Timestamp::max();
  for (std::size_t slot = 0; slot < group.stores.size(); ++slot) {
    const WindowTimes& times = window_at(names_.by(id), slot).times;
    const Timestamp end =
        std::visit([&](const auto& store) { return store.next_end(times); }, group.stores[slot]);
    if (end != Timestamp::max()) next = std::min(next, end + times.lag);
  }
  if (next == Timestamp::max()) return kNever;
  return std::max(group.last_connected + idle_, group.newest_connected + (next - group.newest));
}

// Every reading moves its groups' deadlines, so a group waits in the queue under one that is no later than
// the true one, and only who comes to the queue's head is looked at again: once in `idle`, not at every
// reading.
void Windows::watch_idleness(GroupId id) {
  const Group& group = groups_[id];
  const Microseconds earliest = group.last_connected + idle_;
  if (earliest < group.idle_deadline && !group.stores.empty()) put_in_queue(id, earliest);
}

void Windows::put_in_queue(GroupId id, Microseconds deadline) {
  Group& group = groups_[id];
  group.idle_deadline = deadline;
  ++group.place_in_queue;  // any other is no longer its own
  if (deadline != kNever) idle_deadlines_.push({deadline, id, group.place_in_queue});
}

Microseconds Windows::next_idle_deadline() {
  while (!idle_deadlines_.empty()) {
    const auto [deadline, id, place] = idle_deadlines_.top();
    const Group& group = groups_[id];
    const bool is_current = place == group.place_in_queue;
    const Microseconds true_deadline = is_current ? true_idle_deadline(id) : kNever;
    if (is_current && true_deadline == deadline) return deadline;
    idle_deadlines_.pop();
    if (!is_current) continue;
    const Microseconds earliest = group.last_connected + idle_;
    put_in_queue(id, true_deadline == kNever || earliest <= deadline ? true_deadline : earliest);
  }
  return kNever;
}

}  // namespace lookout
