// The part of Windows that takes up another configuration.
#include <algorithm>
#include <tuple>
#include <utility>

#include "gateway/window.h"

namespace lookout {
namespace {

// What makes the ids and figures of a window's results.
bool same_shape(const WindowConfig& a, const WindowConfig& b) {
  const auto shape = [](const WindowConfig& window) {
    return std::tie(window.kind, window.size, window.step, window.gap, window.offset, window.metrics,
                    window.over);
  };
  return shape(a) == shape(b);
}

}  // namespace

void Windows::reconfigure(const std::vector<WindowConfig>& windows, const TimeConfig& time, Timestamp decided,
                          std::vector<ClosedWindow>& closed) {
  for (const Correction& correction : corrections_) correct(correction, decided, closed);
  corrections_.clear();
  const std::vector<Window> old_windows = windows_;
  const auto old_by = by_;
  use(windows, time);
  note_new(old_windows);
  for (GroupId id = 0; id < groups_.size(); ++id) {
    const std::size_t by = index_of(names_.by(id));
    std::vector<Store> old = std::exchange(groups_[id].stores, {});
    for (const std::size_t window : by_[by]) groups_[id].stores.push_back(empty_store(windows_[window]));
    begin_behind_past(id);
    for (std::size_t slot = 0; slot < old.size(); ++slot)
      hand_over(id, old_windows[old_by[by][slot]], std::move(old[slot]), decided, closed);
    find_next_change(id);
    put_in_queue(id, true_idle_deadline(id));
  }
}

void Windows::note_new(const std::vector<Window>& before) {
  const auto was = [&](const std::string& name, GroupBy by) {
    return std::ranges::any_of(before, [&](const Window& window) {
      return window.config.name == name && std::ranges::find(window.config.by, by) != window.config.by.end();
    });
  };
  for (const Window& window : windows_) {
    for (const GroupBy by : window.config.by) {
      if (!was(window.config.name, by)) past_[window.config.name][index_of(by)].complete_from = newest_;
    }
  }
}

void Windows::begin_behind_past(GroupId id) {
  const GroupBy by = names_.by(id);
  for_each_store(id, [&](auto& store, const Window& window) {
    const auto past = past_.find(window.config.name);
    if (past == past_.end()) return;
    const auto& ends = past->second[index_of(by)].through;
    if (const auto end = ends.find(id); end != ends.end()) store.begin_at(window.times, end->second);
  });
}

void Windows::hand_over(GroupId id, const Window& before, Store old, Timestamp decided,
                        std::vector<ClosedWindow>& closed) {
  const auto& slots = by_[index_of(names_.by(id))];
  const auto heir = std::ranges::find_if(
      slots, [&](std::size_t window) { return windows_[window].config.name == before.config.name; });
  const bool has_heir = heir != slots.end();
  if (has_heir && same_shape(windows_[*heir].config, before.config)) {
    groups_[id].stores[static_cast<std::size_t>(heir - slots.begin())] = std::move(old);
    return;
  }
  const Timestamp through = std::visit(
      [&](auto& store) {
        store.finish(before.times, names_.members(id), emitter(id, before, decided, closed));
        return store.closed_through(before.times);
      },
      old);
  if (through == Timestamp::min()) return;
  auto& ends = past_[before.config.name][index_of(names_.by(id))].through;
  Timestamp& end = ends.try_emplace(id, through).first->second;
  end = std::max(end, through);
  if (!has_heir) return;
  std::visit([&](auto& store) { store.begin_at(windows_[*heir].times, end); },
             groups_[id].stores[static_cast<std::size_t>(heir - slots.begin())]);
}

}  // namespace lookout
