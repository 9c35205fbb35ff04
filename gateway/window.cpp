#include "gateway/window.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr std::uint32_t kMostUnits = 100;  // of a sensor that makes them up, the rest count as not named

Timestamp later(Timestamp time, Microseconds by) { return time == Timestamp::max() ? time : time + by; }

Sample sample_of(const Reading& reading, Timestamp arrival) {
  Sample sample{reading.value, reading.event_time, arrival};
  if (reading.seq) sample.seq = static_cast<std::int64_t>(*reading.seq);
  sample.boot = boot_number(reading.boot);
  return sample;
}

}  // namespace

Windows::Windows(const SeriesTable& series, const std::vector<WindowConfig>& windows, const TimeConfig& time)
    : series_(series), names_(series) {
  use(windows, time);
}

void Windows::use(const std::vector<WindowConfig>& windows, const TimeConfig& time) {
  default_lag_ = time.lag;
  idle_ = time.idle;
  correction_interval_ = time.correction_interval;
  windows_.clear();
  by_ = {};
  covering_.clear();
  for (const WindowConfig& config : windows) {
    WindowTimes times{config.size,
                      config.step,
                      config.gap,
                      config.offset,
                      config.lag.value_or(time.lag),
                      config.allowed_lateness.value_or(time.allowed_lateness)};
    if (config.kind == WindowKind::tumbling) times.step = config.size;
    for (const GroupBy by : config.by) by_[index_of(by)].push_back(windows_.size());
    windows_.push_back({config, times});
  }
}

// What follows from the state just read.
void Windows::index() {
  for (SeriesId series = 0; series < series_.size(); ++series) membership_of(series);
  for (UnitId unit = 1; unit < units_.size(); ++unit) unit_ids_[units_[unit]] = unit;
  for (GroupId id = 0; id < groups_.size(); ++id) put_in_queue(id, groups_[id].idle_deadline);
}

const Membership& Windows::membership_of(SeriesId series) {
  const Membership& membership = names_.membership_of(series);
  while (groups_.size() < names_.size()) {
    Group& group = groups_.emplace_back();
    const auto& windows = by_[index_of(names_.by(static_cast<GroupId>(groups_.size() - 1)))];
    group.stores.reserve(windows.size());
    for (const std::size_t window : windows) {
      group.stores.push_back(empty_store(windows_[window]));
    }
  }
  return membership;
}

Windows::Store Windows::empty_store(const Window& window) {
  return window.config.kind == WindowKind::session ? Store(SessionWindows{}) : Store(PaneWindows{});
}

const std::vector<std::size_t>& Windows::covering(MetricId metric, GroupBy by) {
  if (covering_.size() <= metric) covering_.resize(metric + 1);
  auto& slots = covering_[metric][index_of(by)];
  if (!slots) {
    slots.emplace();
    const auto& windows = by_[index_of(by)];
    for (std::size_t slot = 0; slot < windows.size(); ++slot) {
      if (windows_[windows[slot]].config.covers(names_.metric(metric))) slots->push_back(slot);
    }
  }
  return *slots;
}

UnitId Windows::unit_id(const std::string& unit, GroupId sensor) {
  if (unit.empty()) return 0;
  if (const auto known = unit_ids_.find(unit); known != unit_ids_.end()) return known->second;
  if (groups_[sensor].units_named == kMostUnits) return 0;
  ++groups_[sensor].units_named;
  units_.push_back(unit);
  return unit_ids_[unit] = static_cast<UnitId>(units_.size() - 1);
}

const Windows::Judgement& Windows::judge(const Reading& reading) {
  Judgement& judgement = judgement_;
  judgement.covered = judgement.taken = judgement.full = false;
  judgement.late_by = {};
  judgement.refused_by.clear();
  judgement.verdicts.clear();
  const Membership& membership = membership_of(reading.series);
  for (const GroupBy by : kSmallestFirst) {
    const GroupId id = membership.groups[index_of(by)];
    const Group& group = groups_[id];
    for (const std::size_t slot : covering(membership.metric, by)) {
      const Window& window = window_at(by, slot);
      const Timestamp reached = watermark(group, window);
      const Verdict verdict = std::visit(
          [&](const auto& store) { return store.judge(window.times, reading.event_time, reached); },
          group.stores[slot]);
      judgement.verdicts.push_back(verdict);
      judgement.covered = true;
      judgement.taken |= verdict == Verdict::takes;
      if (verdict == Verdict::takes) continue;
      judgement.full |= verdict == Verdict::full;
      judgement.refused_by.push_back(window.config.name + '/' + names_.name(id).text());
      if (group.heard()) judgement.late_by = std::max(judgement.late_by, reached - reading.event_time);
    }
  }
  return judgement;
}

Timestamp Windows::horizon(const Reading& reading) {
  const Membership& membership = membership_of(reading.series);
  auto horizon = Timestamp::max();
  for (const GroupId id : membership.groups) {
    const Group& group = groups_[id];
    if (!group.heard() && !group.stores.empty()) return Timestamp::min();
    for_each_store(id, [&](const auto& store, const Window& window) {
      horizon = std::min(horizon, store.horizon(window.times, watermark(group, window)));
    });
  }
  return horizon;
}

bool Windows::take(const Reading& reading, const Moment& now, std::vector<ClosedWindow>& closed) {
  const Membership& membership = membership_of(reading.series);
  Taking taking{membership.metric,
                unit_id(reading.unit, membership.groups[index_of(GroupBy::sensor)]),
                sample_of(reading, now.arrival),
                {},
                now.connected + correction_interval_};
  bool corrects = false;
  Verdicts verdict = judgement_.verdicts.begin();
  for (const GroupBy by : kSmallestFirst) {
    corrects |= take_in(membership.groups[index_of(by)], by, membership, taking, verdict);
  }
  for (const GroupId id : membership.groups) move_watermark(id, reading.event_time, now, closed);
  newest_ = std::max(newest_, reading.event_time);
  return corrects;
}

bool Windows::take_in(GroupId id, GroupBy by, const Membership& membership, Taking& taking,
                      Verdicts& verdict) {
  Group& group = groups_[id];
  bool corrects = false;
  taking.sample.member = membership.member[index_of(by)];
  for (const std::size_t slot : covering(membership.metric, by)) {
    if (*verdict++ != Verdict::takes) continue;
    const Window& window = window_at(by, slot);
    taking.watermark = watermark(group, window);
    taking.sample.over = window.config.over && taking.sample.value > *window.config.over;
    std::visit(
        [&](auto& store) {
          const Taken taken = store.take(window.times, taking, names_.members(id));
          group.next_change = std::min(group.next_change, later(taken.opened, window.times.lag));
          corrects |= taken.corrects;
          if (taken.correction) corrections_.push_back({taking.due_late, id, slot});
        },
        group.stores[slot]);
  }
  if (corrects) find_next_change(id);
  return corrects;
}

void Windows::move_watermark(GroupId id, Timestamp event_time, const Moment& now,
                             std::vector<ClosedWindow>& closed) {
  Group& group = groups_[id];
  if (event_time > group.newest) {
    group.newest = event_time;
    group.newest_connected = now.connected;
  }
  group.last_connected = now.connected;
  if (group.newest >= group.next_change) advance(id, now.arrival, closed);
  watch_idleness(id);
}

void Windows::advance(GroupId id, Timestamp decided, std::vector<ClosedWindow>& closed) {
  const Group& group = groups_[id];
  for_each_store(id, [&](auto& store, const Window& window) {
    store.advance(window.times, watermark(group, window), names_.members(id),
                  emitter(id, window, decided, closed));
  });
  find_next_change(id);
}

void Windows::find_next_change(GroupId id) {
  auto next = Timestamp::max();
  for_each_store(id, [&](const auto& store, const Window& window) {
    next = std::min(next, later(store.next_change(window.times), window.times.lag));
  });
  groups_[id].next_change = next;
}

bool Windows::finish(Timestamp decided, std::vector<ClosedWindow>& closed, std::size_t groups) {
  if (finishing_.empty()) finishing_ = names_.sorted();
  const std::size_t end = finished_ + std::min(groups, finishing_.size() - finished_);
  for (; finished_ < end; ++finished_) {
    const GroupId id = finishing_[finished_];
    for_each_store(id, [&](auto& store, const Window& window) {
      store.finish(window.times, names_.members(id), emitter(id, window, decided, closed));
    });
    find_next_change(id);
  }
  if (finished_ < finishing_.size()) return true;
  finishing_.clear();
  finished_ = 0;
  corrections_.clear();
  return false;
}

void Windows::set_back(Timestamp limit) {
  newest_ = kUnheard;
  for (GroupId id = 0; id < groups_.size(); ++id) {
    if (groups_[id].newest > limit) set_back(id, limit);
    newest_ = std::max(newest_, groups_[id].newest);
  }
}

void Windows::set_back(GroupId id, Timestamp limit) {
  auto newest = kUnheard;
  for_each_store(id, [&](auto& store, const Window& window) {
    store.set_back(window.times, limit);
    newest = std::max(newest, store.newest(limit));
  });
  Group& group = groups_[id];
  group.newest = std::min(newest, limit);
  group.newest_connected = group.last_connected;
  find_next_change(id);
  watch_idleness(id);
}

std::size_t Windows::held() const {
  std::size_t held = 0;
  for (const Group& group : groups_) {
    for (const Store& store : group.stores) {
      held += std::visit([](const auto& windows) { return windows.held(); }, store);
    }
  }
  return held;
}

}  // namespace lookout
