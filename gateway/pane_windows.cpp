#include "gateway/pane_windows.h"

#include <algorithm>
#include <tuple>

namespace lookout {
namespace {

// Floor, also below the epoch.
Timestamp pane_of(const WindowTimes& times, Timestamp time) {
  const std::int64_t step = times.step.count();
  std::int64_t into = (time.time_since_epoch() - times.offset).count() % step;
  if (into < 0) into += step;
  return time - Microseconds{into};
}

void merge_into(std::vector<MetricAggregate>& wholes, const MetricAggregate& part, Members members) {
  auto whole = std::ranges::find(wholes, part.metric, &MetricAggregate::metric);
  if (whole == wholes.end()) whole = wholes.insert(whole, MetricAggregate{part.metric, 0, {}});
  if (whole->unit == 0) whole->unit = part.unit;
  whole->aggregate.merge(part.aggregate, members);
}

}  // namespace

Verdict PaneWindows::judge(const WindowTimes& times, Timestamp time, Timestamp watermark) const {
  const Timestamp start = pane_of(times, time);
  if (!has_open_window(times, start, watermark)) return Verdict::late;
  if (held() < kMostHeldWindows) return Verdict::takes;
  return std::ranges::binary_search(live(), start, {}, &Part::start) ? Verdict::takes : Verdict::full;
}

// The last window that covers a pane starts with it, and is the last to become final, except next to a former
// era.
bool PaneWindows::has_open_window(const WindowTimes& times, Timestamp pane, Timestamp watermark) const {
  for (Timestamp start = pane; start > pane - times.size; start -= times.step) {
    const Timestamp end = start + times.size;
    if (end + times.allowed_lateness <= watermark || end <= final_.through()) return false;
    if (!final_.has(start, end)) return true;
  }
  return false;
}

Taken PaneWindows::take(const WindowTimes& times, const Taking& reading, Members members) {
  Taken taken;
  const Timestamp pane = pane_of(times, reading.sample.event_time);
  bool is_new_pane = false;
  MetricAggregate& part = part_at(pane, reading.metric, is_new_pane);
  if (is_new_pane) taken.opened = std::max(pane, closed_through_) + times.step;
  if (part.unit == 0) part.unit = reading.unit;
  part.aggregate.add(reading.sample, members);
  if (pane + times.step <= reading.watermark)
    closed_through_ = std::max(closed_through_, pane_of(times, reading.watermark));
  const bool closed_beyond = !published_.empty() && published_.back().start + times.size > closed_through_;
  if (pane + times.step <= closed_through_ || closed_beyond) mark_corrections(times, reading, pane, taken);
  return taken;
}

// Nearly always the part is the newest.
MetricAggregate& PaneWindows::part_at(Timestamp start, MetricId metric, bool& is_new_pane) {
  const auto key = [](const Part& part) { return std::tuple(part.start, part.of.metric); };
  const std::tuple wanted(start, metric);
  const auto begin = parts_.begin() + static_cast<std::ptrdiff_t>(dead_);
  auto part = parts_.end();
  if (begin != part && key(parts_.back()) >= wanted)
    part = std::ranges::lower_bound(begin, parts_.end(), wanted, {}, key);
  if (part != parts_.end() && key(*part) == wanted) return part->of;
  is_new_pane =
      (part == parts_.end() || part->start != start) && (part == begin || std::prev(part)->start != start);
  panes_ += is_new_pane ? 1 : 0;
  const auto at = part - parts_.begin();
  // By a quarter, where a vector doubles: thousands of sensors have a group of a few parts.
  if (parts_.size() == parts_.capacity())
    parts_.reserve(parts_.size() + std::max(std::size_t{1}, parts_.size() / 4));
  return parts_.emplace(parts_.begin() + at, start, metric)->of;
}

PaneWindows::Published& PaneWindows::published_at(Timestamp start, MetricId metric) {
  const auto key = [](const Published& each) { return std::tuple(each.start, each.metric); };
  auto slot = std::ranges::lower_bound(published_, std::tuple(start, metric), {}, key);
  if (slot == published_.end() || key(*slot) != std::tuple(start, metric)) {
    slot = published_.insert(slot, Published{start, kNotDue, metric});
  }
  return *slot;
}

// Not when it was published already, unless by a watermark that was set back, and something came since.
bool PaneWindows::needs_closing(Timestamp start) const {
  const auto [first, last] = std::ranges::equal_range(published_, start, {}, &Published::start);
  return first == last || std::any_of(first, last, [](const Published& window) {
           return window.correction_due == kAtClosing;
         });
}

// A window that has closed without this metric gets its first result the same way, and one that was final
// while it was empty none.
void PaneWindows::mark_corrections(const WindowTimes& times, const Taking& reading, Timestamp pane,
                                   Taken& taken) {
  for (Timestamp start = pane + times.step - times.size; start <= pane; start += times.step) {
    const Timestamp end = start + times.size;
    if (end > closed_through_) {
      if (std::ranges::binary_search(published_, start, {}, &Published::start))
        published_at(start, reading.metric).take_at_closing();
      continue;
    }
    if (final_.has(start, end) || end + times.allowed_lateness <= reading.watermark) continue;
    Published& window = published_at(start, reading.metric);
    if (window.next_revision > 0) ++window.late;
    taken.corrects = true;
    if (window.correction_due <= kLastDue) continue;
    window.correction_due = reading.due_late;
    taken.correction = true;
  }
}

void PaneWindows::advance(const WindowTimes& times, Timestamp watermark, Members members, const Emit& emit) {
  correct_if_due(times, watermark - times.size - times.allowed_lateness, kLastDue, members, emit);
  close_through(times, watermark, ClosedBy::watermark, members, emit);
  forget_final(times, watermark);
}

void PaneWindows::close_idle(const WindowTimes& times, Timestamp reached, Members members, const Emit& emit) {
  close_through(times, reached, ClosedBy::idle, members, emit);
}

void PaneWindows::correct(const WindowTimes& times, Microseconds now, Members members, const Emit& emit) {
  correct_if_due(times, Timestamp::max(), now, members, emit);
}

void PaneWindows::finish(const WindowTimes& times, Members members, const Emit& emit) {
  correct_if_due(times, Timestamp::max(), kLastDue, members, emit);
  close_through(times, Timestamp::max(), ClosedBy::end_of_input, members, emit);
}

// Each window with data once, in order: the windows that begin in or before a pane and have it.
void PaneWindows::close_through(const WindowTimes& times, Timestamp limit, ClosedBy why, Members members,
                                const Emit& emit) {
  for (Timestamp end = next_end(times); end <= limit && end != Timestamp::max(); end = next_end(times)) {
    closed_through_ = end;
    const Timestamp start = end - times.size;
    if (needs_closing(start) && !final_.has(start, end)) publish(times, start, why, members, emit);
  }
}

// By index: publishing leaves the list as it is, for what waits for its correction has its place there.
void PaneWindows::correct_if_due(const WindowTimes& times, Timestamp through_start, Microseconds now,
                                 Members members, const Emit& emit) {
  for (std::size_t i = 0; i < published_.size() && published_[i].start <= through_start; ++i) {
    if (published_[i].correction_due <= now)
      publish(times, published_[i].start, ClosedBy::late, members, emit);
  }
}

void PaneWindows::forget_final(const WindowTimes& times, Timestamp watermark) {
  const auto is_final = [&](Timestamp start) {
    return start + times.size + times.allowed_lateness <= watermark;
  };
  const auto windows = std::ranges::find_if_not(published_, is_final, &Published::start);
  if (windows != published_.begin()) {
    final_.add(published_.front().start, std::prev(windows)->start + times.size);
    published_.erase(published_.begin(), windows);
  }
  for (; dead_ < parts_.size() && is_final(parts_[dead_].start); ++dead_) {
    if (dead_ + 1 == parts_.size() || parts_[dead_ + 1].start != parts_[dead_].start) --panes_;
  }
  // Moving all that is behind for each one that goes would be dear where there are many.
  if (dead_ * 8 > parts_.size() - dead_) drop_dead();
}

void PaneWindows::drop_dead() {
  parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(dead_));
  dead_ = 0;
}

// A window that waits to be closed again goes on waiting, and with it those behind it.
void PaneWindows::set_back(const WindowTimes& times, Timestamp limit) {
  final_.set_back(limit);
  closed_through_ = final_.through();
  for (const Published& window : published_) {
    if (window.start > limit || window.correction_due == kAtClosing) break;
    closed_through_ = std::max(closed_through_, window.start + times.size);
  }
  for (Published& window : published_) {
    if (window.start + times.size > closed_through_ && window.correction_due != kNotDue)
      window.correction_due = kAtClosing;
  }
}

Timestamp PaneWindows::next_end(const WindowTimes& times) const {
  const auto is_closed = [&](const Part& part) { return part.start + times.size <= closed_through_; };
  const auto parts = live();
  const auto pane = std::ranges::partition_point(parts, is_closed);
  if (pane == parts.end()) return Timestamp::max();
  if (closed_through_ <= pane->start) return pane->start + times.step;
  return closed_through_ + times.step;
}

Timestamp PaneWindows::next_change(const WindowTimes& times) const {
  Timestamp next = next_end(times);
  if (!published_.empty())
    next = std::min(next, published_.front().start + times.size + times.allowed_lateness);
  if (held() > 0) next = std::min(next, live().front().start + times.size + times.allowed_lateness);
  return next;
}

Timestamp PaneWindows::horizon(const WindowTimes& times, Timestamp watermark) const {
  return pane_of(times, watermark - times.allowed_lateness - times.size) + times.step;
}

Timestamp PaneWindows::closed_through(const WindowTimes& times) const {
  const Timestamp last = published_.empty() ? Timestamp::min() : published_.back().start + times.size;
  return std::max(closed_through_, last);
}

Timestamp PaneWindows::newest(Timestamp limit) const {
  auto newest = Timestamp::min();
  for (const Part& part : live()) {
    if (part.start <= limit) newest = std::max(newest, std::min(part.of.aggregate.newest_event(), limit));
  }
  return newest;
}

std::span<PaneWindows::Part> PaneWindows::parts_of(const WindowTimes& times, Timestamp start) {
  const auto parts = std::span(parts_).subspan(dead_);
  const auto first = std::ranges::lower_bound(parts, start, {}, &Part::start);
  const auto last = std::ranges::lower_bound(first, parts.end(), start + times.size, {}, &Part::start);
  return {first, last};
}

// A window of one pane is its parts; one of several is their merge, oldest first. Little is added to a part
// behind that.
void PaneWindows::publish(const WindowTimes& times, Timestamp start, ClosedBy why, Members members,
                          const Emit& emit) {
  Closing closing{start, start + times.size, why, false, true, {}};
  const auto add = [&](const MetricAggregate& whole) {
    Published& window = published_at(start, whole.metric);
    const bool changed = window.next_revision == 0 || window.correction_due != kNotDue;
    if (changed) ++window.next_revision;
    window.correction_due = kNotDue;
    closing.metrics.push_back(
        {whole.metric, whole.unit, &whole.aggregate, window.next_revision - 1, window.late, changed});
  };
  std::vector<MetricAggregate> wholes;
  const auto parts = parts_of(times, start);
  if (times.step == times.size) {
    for (const Part& part : parts) add(part.of);
  } else {
    for (const Part& part : parts) merge_into(wholes, part.of, members);
    for (const MetricAggregate& whole : wholes) add(whole);
  }
  closing.latest = published_.back().start == start;
  emit(closing);
  for (Part& part : parts) part.of.aggregate.pack();
}

}  // namespace lookout
