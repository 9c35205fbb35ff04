#include "gateway/session_windows.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Microseconds kNotDue = Microseconds::max();
constexpr Microseconds kLastDue = kNotDue - Microseconds{1};

}  // namespace

// Sessions lie apart, so a reading touches at most the one before it and the one after it.
SessionWindows::Touched SessionWindows::touching(const WindowTimes& times, Timestamp time) const {
  const auto ends_before = [&](const Session& session) { return session.end(times) < time; };
  const auto first = std::ranges::partition_point(sessions_, ends_before);
  auto last = first;
  while (last != sessions_.end() && last->start <= time + times.gap) ++last;
  return {static_cast<std::size_t>(first - sessions_.begin()),
          static_cast<std::size_t>(last - sessions_.begin())};
}

// What counts is the end of the session that the reading would be part of.
Verdict SessionWindows::judge(const WindowTimes& times, Timestamp time, Timestamp watermark) const {
  if (final_.has(time, time)) return Verdict::late;
  const auto [first, last] = touching(times, time);
  Timestamp end = time + times.gap;
  if (first != last) end = std::max(end, sessions_[last - 1].end(times));
  if (end + times.allowed_lateness <= watermark) return Verdict::late;
  return first == last && sessions_.size() >= kMostHeldWindows ? Verdict::full : Verdict::takes;
}

Taken SessionWindows::take(const WindowTimes& times, const Taking& reading, Members members) {
  const auto touched = touching(times, reading.sample.event_time);
  Timestamp closed_end = reading.watermark;
  for (std::size_t i = touched.first; i < touched.second; ++i) {
    closed_end = std::max(closed_end, sessions_[i].closed_end);
  }
  Session& session = merge(times, touched, reading.sample.event_time, members);
  Metric& metric = find_or_add(session, reading.metric);
  if (metric.part.unit == 0) metric.part.unit = reading.unit;
  metric.part.aggregate.add(reading.sample, members);
  metric.changed = true;
  if (metric.next_revision > 0) ++metric.late;
  Taken taken;
  if (session.end(times) > closed_end) {
    session.correction_due = kNotDue;
    taken.opened = session.end(times);
    return taken;
  }
  session.closed_end = session.end(times);
  taken.corrects = true;
  taken.correction = session.correction_due == kNotDue;
  if (taken.correction) session.correction_due = reading.due_late;
  return taken;
}

// The sessions touched become one that reaches from `time` or before it to `time` or beyond.
SessionWindows::Session& SessionWindows::merge(const WindowTimes& times, Touched touched, Timestamp time,
                                               Members members) {
  const auto at = [&](std::size_t i) { return sessions_.begin() + static_cast<std::ptrdiff_t>(i); };
  const auto [first, last] = touched;
  if (first == last) {
    Session opened;
    opened.start = opened.last = time;
    return *sessions_.insert(at(first), std::move(opened));
  }
  Session& session = sessions_[first];
  for (std::size_t i = first + 1; i < last; ++i) absorb(times, session, std::move(sessions_[i]), members);
  sessions_.erase(at(first + 1), at(last));
  Session& merged = sessions_[first];
  if (time < merged.start) {
    retract(times, merged);
    merged.start = time;
  }
  if (time > merged.last) {
    merged.last = time;
    for (Metric& metric : merged.metrics) metric.changed = true;
  }
  return merged;
}

void SessionWindows::absorb(const WindowTimes& times, Session& into, Session from, Members members) {
  retract(times, from);
  into.last = std::max(into.last, from.last);
  into.correction_due = std::min(into.correction_due, from.correction_due);
  for (Metric& metric : from.metrics) {
    Metric& whole = find_or_add(into, metric.part.metric);
    if (whole.part.unit == 0) whole.part.unit = metric.part.unit;
    whole.part.aggregate.merge(metric.part.aggregate, members);
  }
  for (Metric& metric : into.metrics) metric.changed = true;
  into.retractions.insert(into.retractions.end(), from.retractions.begin(), from.retractions.end());
}

// The id with this start has come to its end.
void SessionWindows::retract(const WindowTimes& times, Session& session) {
  for (Metric& metric : session.metrics) {
    if (metric.next_revision > 0) {
      session.retractions.push_back({session.start, session.end(times), metric.part.metric, metric.part.unit,
                                     metric.next_revision, metric.late});
    }
    metric.next_revision = metric.late = 0;
    metric.changed = true;
  }
}

SessionWindows::Metric& SessionWindows::find_or_add(Session& session, MetricId metric) {
  for (Metric& known : session.metrics) {
    if (known.part.metric == metric) return known;
  }
  return session.metrics.emplace_back(Metric{{metric, 0, {}}});
}

void SessionWindows::advance(const WindowTimes& times, Timestamp watermark, Members /*members*/,
                             const Emit& emit) {
  const Timestamp final_through = watermark - times.allowed_lateness;
  correct_if_due(times, final_through, kLastDue, emit);
  close_through(times, watermark, ClosedBy::watermark, emit);
  const auto is_final = [&](const Session& session) { return session.end(times) <= final_through; };
  const auto last = std::ranges::partition_point(sessions_, is_final);
  if (last == sessions_.begin()) return;
  // What is a gap before the first one would touch it.
  final_.add(sessions_.front().start - times.gap, std::prev(last)->end(times));
  sessions_.erase(sessions_.begin(), last);
}

void SessionWindows::close_idle(const WindowTimes& times, Timestamp reached, Members /*members*/,
                                const Emit& emit) {
  close_through(times, reached, ClosedBy::idle, emit);
}

void SessionWindows::correct(const WindowTimes& times, Microseconds now, Members /*members*/,
                             const Emit& emit) {
  correct_if_due(times, Timestamp::max(), now, emit);
}

void SessionWindows::finish(const WindowTimes& times, Members /*members*/, const Emit& emit) {
  correct_if_due(times, Timestamp::max(), kLastDue, emit);
  close_through(times, Timestamp::max(), ClosedBy::end_of_input, emit);
}

void SessionWindows::close_through(const WindowTimes& times, Timestamp limit, ClosedBy why,
                                   const Emit& emit) {
  for (Session& session : sessions_) {
    if (session.end(times) > limit) break;
    if (!session.is_open(times)) continue;
    session.closed_end = session.end(times);
    publish(times, session, why, emit);
  }
}

void SessionWindows::correct_if_due(const WindowTimes& times, Timestamp final_through, Microseconds now,
                                    const Emit& emit) {
  for (Session& session : sessions_) {
    if (session.end(times) > final_through) break;
    if (session.correction_due <= now) publish(times, session, ClosedBy::late, emit);
  }
}

void SessionWindows::publish(const WindowTimes& times, Session& session, ClosedBy why, const Emit& emit) {
  publish_retractions(session, emit);
  const bool latest = &session == &sessions_.back() || (&session + 1)->is_open(times);
  Closing closing{session.start, session.end(times), why, false, latest, {}};
  for (Metric& metric : session.metrics) {
    if (metric.changed) ++metric.next_revision;
    closing.metrics.push_back({metric.part.metric, metric.part.unit, &metric.part.aggregate,
                               metric.next_revision - 1, metric.late, metric.changed});
    metric.changed = false;
  }
  session.correction_due = kNotDue;
  emit(closing);
}

void SessionWindows::publish_retractions(Session& session, const Emit& emit) {
  for (const Retraction& old : session.retractions) {
    Closing closing{old.start, old.end, ClosedBy::late, true, false, {}};
    closing.metrics.push_back({old.metric, old.unit, nullptr, old.revision, old.late, true});
    emit(closing);
  }
  session.retractions.clear();
}

// Sessions that have closed stay closed: what comes for them corrects them.
// Of the first final session, what is a gap before it is final too: it is the session itself that counts.
void SessionWindows::set_back(const WindowTimes& times, Timestamp limit) {
  final_.set_back(limit - times.gap);
}

Timestamp SessionWindows::next_end(const WindowTimes& times) const {
  for (const Session& session : sessions_) {
    if (session.is_open(times)) return session.end(times);
  }
  return Timestamp::max();
}

Timestamp SessionWindows::next_change(const WindowTimes& times) const {
  const Timestamp next = next_end(times);
  if (sessions_.empty()) return next;
  return std::min(next, sessions_.front().end(times) + times.allowed_lateness);
}

Timestamp SessionWindows::horizon(const WindowTimes& times, Timestamp watermark) const {
  Timestamp alone = watermark - times.allowed_lateness - times.gap;
  if (!sessions_.empty()) alone = std::min(alone, sessions_.front().start - times.gap);
  return std::max(alone, final_.through());
}

Timestamp SessionWindows::newest(Timestamp limit) const {
  auto newest = Timestamp::min();
  for (const Session& session : sessions_) {
    if (session.start <= limit) newest = std::max(newest, std::min(session.last, limit));
  }
  return newest;
}

}  // namespace lookout
