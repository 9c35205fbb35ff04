#pragma once

#include <span>

#include "gateway/final_times.h"
#include "gateway/held_window.h"

namespace lookout {

/// The tumbling or sliding windows of one configuration in one group. Readings are kept in panes of one step
/// each, which overlapping windows share: a reading costs the same whatever size / step is. A tumbling window
/// is a single pane. Deterministic. Threading: one owner.
class PaneWindows {
 public:
  [[nodiscard]] Verdict judge(const WindowTimes& times, Timestamp time, Timestamp watermark) const;
  /// Only what judge() takes.
  Taken take(const WindowTimes& times, const Taking& reading, Members members);

  /// Closes the windows whose end the watermark has reached, and makes those final whose time has come.
  void advance(const WindowTimes& times, Timestamp watermark, Members members, const Emit& emit);
  /// Closes the windows that end at `reached` or before; nothing becomes final.
  void close_idle(const WindowTimes& times, Timestamp reached, Members members, const Emit& emit);
  /// Publishes the corrections that are due.
  void correct(const WindowTimes& times, Microseconds now, Members members, const Emit& emit);
  /// Publishes everything that has not been.
  void finish(const WindowTimes& times, Members members, const Emit& emit);
  /// The watermark is set back below `limit`: what has closed or become final by a wrong time only, all of it
  /// beyond the limit, has not done so for the times before it. Keeps every reading.
  void set_back(const WindowTimes& times, Timestamp limit);

  /// The earliest end of a window that has not closed; the latest time there is where there is none.
  [[nodiscard]] Timestamp next_end(const WindowTimes& times) const;
  /// The watermark at which advance() has something to do.
  [[nodiscard]] Timestamp next_change(const WindowTimes& times) const;
  /// Event time below which nothing is taken any more.
  [[nodiscard]] Timestamp horizon(const WindowTimes& times, Timestamp watermark) const;
  /// The newest reading it holds up to `limit`; the earliest time there is where it holds none.
  [[nodiscard]] Timestamp newest(Timestamp limit) const;
  [[nodiscard]] std::size_t held() const { return panes_; }
  /// The latest end of a window that has closed; the earliest time there is where none has.
  [[nodiscard]] Timestamp closed_through(const WindowTimes& times) const;
  /// Of a store that has seen nothing: windows that begin before `time` are another's.
  void begin_at(const WindowTimes& times, Timestamp time) {
    final_.add(Timestamp::min(), time + times.size - Microseconds{1});
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    drop_dead();
    archive(parts_, panes_, published_, closed_through_, final_);
  }

 private:
  static constexpr auto kNotDue = Microseconds::max();
  static constexpr auto kAtClosing = kNotDue - Microseconds{1};
  static constexpr auto kLastDue = kNotDue - Microseconds{2};
  /// The readings of one metric in one pane.
  struct Part {
    Part() : of{} {}
    Part(Timestamp pane, MetricId metric) : start(pane), of{metric, 0, {}} {}
    Timestamp start;  // of the pane
    MetricAggregate of;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(start, of);
    }
  };
  /// A metric of a window that has closed.
  struct Published {
    Timestamp start;
    Microseconds
        correction_due;  // kNotDue where nothing has changed, kAtClosing where the window will close yet
    MetricId metric;
    std::uint32_t next_revision = 0, late = 0;
    void take_at_closing() {
      correction_due = kAtClosing;
      if (next_revision > 0) ++late;
    }
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(start, correction_due, metric, next_revision, late);
    }
  };

  MetricAggregate& part_at(Timestamp start, MetricId metric, bool& is_new_pane);
  Published& published_at(Timestamp start, MetricId metric);
  [[nodiscard]] std::span<const Part> live() const { return std::span(parts_).subspan(dead_); }
  void drop_dead();
  [[nodiscard]] bool has_open_window(const WindowTimes& times, Timestamp pane, Timestamp watermark) const;
  [[nodiscard]] bool needs_closing(Timestamp start) const;
  [[nodiscard]] std::span<Part> parts_of(const WindowTimes& times, Timestamp start);
  void mark_corrections(const WindowTimes& times, const Taking& reading, Timestamp pane, Taken& taken);
  void close_through(const WindowTimes& times, Timestamp limit, ClosedBy why, Members members,
                     const Emit& emit);
  void correct_if_due(const WindowTimes& times, Timestamp through_start, Microseconds now, Members members,
                      const Emit& emit);
  void forget_final(const WindowTimes& times, Timestamp watermark);
  void publish(const WindowTimes& times, Timestamp start, ClosedBy why, Members members, const Emit& emit);

  std::vector<Part> parts_;                      // by start, those of a pane by metric
  std::uint32_t dead_ = 0;                       // of these, at the front: final, and not yet erased
  std::uint32_t panes_ = 0;                      // that are not dead
  std::vector<Published> published_;             // by start, then metric
  Timestamp closed_through_ = Timestamp::min();  // windows that end here or before have closed
  FinalTimes final_;
};

}  // namespace lookout
