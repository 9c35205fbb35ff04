#pragma once

#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "common/config.h"
#include "common/reading.h"
#include "gateway/group.h"
#include "gateway/output.h"
#include "gateway/pane_windows.h"
#include "gateway/session_windows.h"

namespace lookout {

/// The step window: readings are aggregated per group and metric over windows of event time.
///
/// The watermark of a group is its newest event time minus the lag; groups are independent of each other.
/// Windows close when it reaches their end, or by idleness: when the group has been silent for `idle` of
/// connected time and the newest event time, carried on by the connected time since, has. Idleness never
/// moves a watermark, and lateness is always judged by it: what comes later corrects the window, until the
/// watermark is `allowed_lateness` past its end.
///
/// Deterministic; looks at no clock: time is what the calls say. Threading: one owner.
class Windows {
 public:
  Windows(const SeriesTable& series, const std::vector<WindowConfig>& windows, const TimeConfig& time);

  /// What the windows would do with a reading now.
  struct Judgement {
    bool covered = false;  ///< at least one window covers the reading's metric
    bool taken = false;    ///< at least one that covers it takes it
    bool full = false;     ///< one refuses it because it holds too many windows
    std::vector<std::string> refused_by;
    Microseconds late_by{};
    std::vector<Verdict> verdicts;  ///< of each window that covers it, smaller groups first
  };
  /// Valid until the next call.
  const Judgement& judge(const Reading& reading);

  /// Below this event time no window takes anything of the reading's sensor any more, of whatever metric. The
  /// latest time there is when there are no windows.
  [[nodiscard]] Timestamp horizon(const Reading& reading);

  /// The time of the record in hand; connected time never steps back.
  struct Moment {
    Timestamp arrival;
    Microseconds connected{};
  };
  /// Adds the reading that was judged last to every window that takes it, moves its groups' watermarks and
  /// appends what closed: smaller groups first, then in the order of configuration, then by start. True when
  /// a window that had closed has taken it.
  bool take(const Reading& reading, const Moment& now, std::vector<ClosedWindow>& closed);
  /// Appends what the passing of connected time alone brings: windows closed by idleness, corrections.
  void run_deadlines(const Moment& now, std::vector<ClosedWindow>& closed);
  /// The connected time of the next deadline.
  [[nodiscard]] std::optional<Microseconds> next_deadline();
  /// Appends everything that has not been published, of the next so many groups: smaller ones first, then by
  /// name. Whether there are more; nothing else is called until there are none.
  bool finish(Timestamp decided, std::vector<ClosedWindow>& closed,
              std::size_t groups = std::numeric_limits<std::size_t>::max());

  /// Goes on under another configuration: a window of the same name and shape goes on in all groups, with the
  /// lag and the allowed lateness it has now; one that is gone or has another shape puts out all it holds
  /// and, under its name, begins anew behind it, also when it comes back later, so that no id is given twice.
  /// One that is new is incomplete where it begins before what was heard. Appends all that, and the
  /// corrections that were waiting.
  void reconfigure(const std::vector<WindowConfig>& windows, const TimeConfig& time, Timestamp decided,
                   std::vector<ClosedWindow>& closed);

  /// Windows that begin before `time` may lack readings: their results say so. All may, from
  /// note_open_loss() on, until note_loss() says which time it was.
  void note_loss(Timestamp time) {
    complete_from_ = std::max(complete_from_, time);
    loss_is_open_ = false;
  }
  void note_open_loss() { loss_is_open_ = true; }
  [[nodiscard]] bool loss_is_open() const { return loss_is_open_; }

  /// The newest event time of all groups.
  [[nodiscard]] Timestamp newest() const { return newest_; }
  /// Sets watermarks that come from readings beyond `limit`, which had a wrong clock, back to the newest
  /// reading up to it.
  void set_back(Timestamp limit);

  /// A number that is the sensor's own, for all its metrics; small, with gaps.
  [[nodiscard]] GroupId sensor_of(const Reading& reading) { return membership_of(reading.series).groups[0]; }

  /// Windows, panes and sessions held: open, or closed and not yet final.
  [[nodiscard]] std::size_t held() const;
  /// Groups of networks and regions with their watermark at the default lag, for statistics: `visit(name,
  /// watermark)`.
  template <typename Visit>
  void for_each_large_group(Visit visit) const {
    for (GroupId id = 0; id < groups_.size(); ++id) {
      if (names_.by(id) != GroupBy::sensor && groups_[id].heard())
        visit(names_.name(id), groups_[id].newest - default_lag_);
    }
  }

  /// Writes the state, or reads it (snapshot.h) into windows of the same configuration that have seen
  /// nothing, over the series they were over.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(groups_, units_, newest_, complete_from_, loss_is_open_, past_, corrections_, finished_);
    if (names_.size() == 0) index();
  }

 private:
  using Store = std::variant<PaneWindows, SessionWindows>;
  struct Window {
    WindowConfig config;
    WindowTimes times;
  };
  static constexpr auto kUnheard = Timestamp::min();
  struct Group {
    [[nodiscard]] bool heard() const { return newest != kUnheard; }
    Timestamp newest = kUnheard;
    Microseconds newest_connected{};           // when the newest was taken
    Microseconds last_connected{};             // when the last one was taken
    Timestamp next_change = Timestamp::max();  // newest event time at which a watermark does something
    Microseconds idle_deadline = Microseconds::max();  // no later than the true one
    std::uint32_t units_named = 0;                     // that no other sensor had named before
    std::vector<Store> stores;                         // one for each of by_[its GroupBy]
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(newest, newest_connected, last_connected, next_change, idle_deadline, units_named, stores);
    }
  };
  struct Correction {
    Microseconds due;
    GroupId group;
    std::size_t slot;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(due, group, slot);
    }
  };

  /// Of the windows of one name in groups of one size: what an earlier configuration has to do with them.
  struct Past {
    Timestamp complete_from = Timestamp::min();  // the readings before it did not come to them
    std::map<GroupId, Timestamp> through;        // where windows that are gone, or had another shape, ended
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(complete_from, through);
    }
  };

  using IdleDeadline = std::pair<Microseconds, GroupId>;

  void use(const std::vector<WindowConfig>& windows, const TimeConfig& time);
  static Store empty_store(const Window& window);
  void hand_over(GroupId id, const Window& before, Store old, Timestamp decided,
                 std::vector<ClosedWindow>& closed);
  void note_new(const std::vector<Window>& before);
  void begin_behind_past(GroupId id);
  void index();
  const Membership& membership_of(SeriesId series);
  const std::vector<std::size_t>& covering(MetricId metric, GroupBy by);
  [[nodiscard]] const Window& window_at(GroupBy by, std::size_t slot) const {
    return windows_[by_[index_of(by)][slot]];
  }
  [[nodiscard]] static Timestamp watermark(const Group& group, const Window& window) {
    return group.heard() ? group.newest - window.times.lag : Timestamp::min();
  }
  UnitId unit_id(const std::string& unit, GroupId sensor);
  /// `act(store, window)` for each of the group's stores, in the order of configuration.
  template <typename Act>
  void for_each_store(GroupId id, Act act) {
    auto& stores = groups_[id].stores;
    const GroupBy by = names_.by(id);
    for (std::size_t slot = 0; slot < stores.size(); ++slot) {
      std::visit([&](auto& store) { act(store, window_at(by, slot)); }, stores[slot]);
    }
  }
  Emit emitter(GroupId id, const Window& window, Timestamp decided, std::vector<ClosedWindow>& closed) const;
  [[nodiscard]] ClosedWindow result_of(GroupId id, const Window& window, const Closing& closing,
                                       Timestamp decided) const;
  [[nodiscard]] MetricResult figures_of(GroupId id, const Window& window,
                                        const Closing::Metric& metric) const;

  using Verdicts = std::vector<Verdict>::const_iterator;
  bool take_in(GroupId id, GroupBy by, const Membership& membership, Taking& taking, Verdicts& verdict);
  void move_watermark(GroupId id, Timestamp event_time, const Moment& now, std::vector<ClosedWindow>& closed);
  void advance(GroupId id, Timestamp decided, std::vector<ClosedWindow>& closed);
  void find_next_change(GroupId id);
  void set_back(GroupId id, Timestamp limit);

  [[nodiscard]] Microseconds earliest_deadline() const;
  [[nodiscard]] bool is_current(const IdleDeadline& entry) const {
    return groups_[entry.second].idle_deadline == entry.first;
  }
  [[nodiscard]] Microseconds true_idle_deadline(GroupId id) const;
  void watch_idleness(GroupId id);
  void put_in_queue(GroupId id, Microseconds deadline);
  Microseconds next_idle_deadline();
  void close_idle(GroupId id, const Moment& now, std::vector<ClosedWindow>& closed);
  void correct(const Correction& correction, Timestamp decided, std::vector<ClosedWindow>& closed);

  std::vector<Window> windows_;
  Microseconds default_lag_{}, idle_{}, correction_interval_{};
  std::array<std::vector<std::size_t>, 3> by_;  // indices of windows, by GroupBy
  const SeriesTable& series_;
  Groups names_;
  std::deque<Group> groups_;                                                      // index as in names_
  std::vector<std::array<std::optional<std::vector<std::size_t>>, 3>> covering_;  // slots, by metric
  std::vector<std::string> units_{std::string{}};
  std::unordered_map<std::string, UnitId> unit_ids_;
  Judgement judgement_;
  Timestamp newest_ = Timestamp::min();
  Timestamp complete_from_ = Timestamp::min();
  bool loss_is_open_ = false;
  std::map<std::string, std::array<Past, 3>> past_;  // by window and GroupBy
  std::vector<IdleDeadline> idle_queue_;             // a heap, the earliest first
  std::deque<Correction> corrections_;               // by due
  std::vector<GroupId> finishing_;                   // all groups, in order, while finish() is under way
  std::size_t finished_ = 0;                         // of them
};

}  // namespace lookout
