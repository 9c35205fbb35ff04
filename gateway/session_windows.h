#pragma once

#include <span>

#include "gateway/final_times.h"
#include "gateway/held_window.h"

namespace lookout {

/// The sessions of one configuration in one group: readings of any of its metrics that are at most `gap`
/// apart. A session is [first reading, last reading + gap); sessions that intersect or touch are one. A
/// reading that joins two sessions, or comes before the first of one, ends an id: what was published under it
/// is retracted, right before the result that takes its place. Merged sessions whose end the watermark has
/// not reached are open again and publish nothing until they close. What would touch a final session is late.
/// Deterministic. Threading: one owner.
class SessionWindows {
 public:
  // Each as in PaneWindows.
  [[nodiscard]] Verdict judge(const WindowTimes& times, Timestamp time, Timestamp watermark) const;
  Taken take(const WindowTimes& times, const Taking& reading, Members members);
  void advance(const WindowTimes& times, Timestamp watermark, Members members, const Emit& emit);
  void close_idle(const WindowTimes& times, Timestamp reached, Members members, const Emit& emit);
  void correct(const WindowTimes& times, Microseconds now, Members members, const Emit& emit);
  void finish(const WindowTimes& times, Members members, const Emit& emit);
  void set_back(const WindowTimes& times, Timestamp limit);
  [[nodiscard]] Timestamp next_end(const WindowTimes& times) const;
  [[nodiscard]] Timestamp next_change(const WindowTimes& times) const;
  [[nodiscard]] Timestamp horizon(const WindowTimes& times, Timestamp watermark) const;
  [[nodiscard]] Timestamp newest(Timestamp limit) const;
  [[nodiscard]] std::size_t held() const { return sessions_.size(); }
  [[nodiscard]] Timestamp closed_through(const WindowTimes& times) const {
    return sessions_.empty() ? final_.through() : sessions_.back().end(times);
  }
  void begin_at(const WindowTimes& /*times*/, Timestamp time) { final_.add(Timestamp::min(), time); }
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(sessions_, final_);
  }

 private:
  struct Metric {
    MetricAggregate part;
    std::uint32_t next_revision = 0, late = 0;
    bool changed = true;  // since it was published
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(part, next_revision, late, changed);
    }
  };
  struct Retraction {
    Timestamp start, end;
    MetricId metric;
    UnitId unit;
    std::uint32_t revision, late;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(start, end, metric, unit, revision, late);
    }
  };
  struct Session {
    Timestamp start, last;
    Timestamp closed_end = Timestamp::min();  // with which it was published or is to be corrected
    Microseconds correction_due = Microseconds::max();
    std::vector<Metric> metrics;
    std::vector<Retraction> retractions;  // not yet published
    [[nodiscard]] Timestamp end(const WindowTimes& times) const { return last + times.gap; }
    /// Neither published nor waiting for its first correction with the end it has now.
    [[nodiscard]] bool is_open(const WindowTimes& times) const { return closed_end < end(times); }
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(start, last, closed_end, correction_due, metrics, retractions);
    }
  };
  using Touched = std::pair<std::size_t, std::size_t>;  // first and one past the last index

  [[nodiscard]] Touched touching(const WindowTimes& times, Timestamp time) const;
  Session& merge(const WindowTimes& times, Touched touched, Timestamp time, Members members);
  static void absorb(const WindowTimes& times, Session& into, Session from, Members members);
  static void retract(const WindowTimes& times, Session& session);
  static Metric& find_or_add(Session& session, MetricId metric);
  void close_through(const WindowTimes& times, Timestamp limit, ClosedBy why, const Emit& emit);
  void correct_if_due(const WindowTimes& times, Timestamp final_through, Microseconds now, const Emit& emit);
  void publish(const WindowTimes& times, Session& session, ClosedBy why, const Emit& emit);
  static void publish_retractions(Session& session, const Emit& emit);

  std::vector<Session> sessions_;  // by start, apart from each other
  FinalTimes final_;
};

}  // namespace lookout
