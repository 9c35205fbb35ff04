// The part of Windows that connected time drives: closing by idleness, and corrections when they are due.
#include <algorithm>
#include <functional>

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
      close_idle(idle_queue_.front().second, {now.arrival, *due}, closed);
    }
  }
}

// No later than the next deadline, and cheap.
Microseconds Windows::earliest_deadline() const {
  const Microseconds idle = idle_queue_.empty() ? kNever : idle_queue_.front().first;
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
  if (earliest < group.idle_deadline && true_idle_deadline(id) < group.idle_deadline)
    put_in_queue(id, earliest);
}

// The entry that it had before stays in the heap, known by its other deadline, until it comes to the head or
// such entries are the larger part.
void Windows::put_in_queue(GroupId id, Microseconds deadline) {
  groups_[id].idle_deadline = deadline;
  if (deadline == kNever) return;
  if (idle_queue_.size() >= 2 * groups_.size()) {
    std::erase_if(idle_queue_, [&](const auto& entry) { return !is_current(entry); });
    std::ranges::sort(idle_queue_);
    idle_queue_.erase(std::unique(idle_queue_.begin(), idle_queue_.end()), idle_queue_.end());
  }
  idle_queue_.emplace_back(deadline, id);
  std::ranges::push_heap(idle_queue_, std::greater{});
}

Microseconds Windows::next_idle_deadline() {
  while (!idle_queue_.empty()) {
    const auto [deadline, id] = idle_queue_.front();
    const bool current = is_current({deadline, id});
    const Microseconds true_deadline = current ? true_idle_deadline(id) : kNever;
    if (true_deadline == deadline) return deadline;
    std::ranges::pop_heap(idle_queue_, std::greater{});
    idle_queue_.pop_back();
    if (!current) continue;
    const Microseconds earliest = groups_[id].last_connected + idle_;
    put_in_queue(id, true_deadline == kNever || earliest <= deadline ? true_deadline : earliest);
  }
  return kNever;
}

}  // namespace lookout
