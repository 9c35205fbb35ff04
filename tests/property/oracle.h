#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/config.h"
#include "tests/property/figures.h"
#include "tests/property/stream.h"

namespace lookout::test {

/// The sessions that readings make: sorted by time, cut where the silence is longer than the gap.
std::vector<std::vector<Fact>> sessions_of(std::vector<Fact> facts, Microseconds gap);

/// What the machine has to come to, written a second time from the design: naively, without panes, heaps or
/// running sums. It goes over the stream once to find which readings each window of each group takes and what
/// comes out when, and computes all figures anew from lists of readings.
///
/// Limits: of sessions it says what has to be out, not what comes out when; of a group whose watermark was
/// set back it says nothing of when its results come out.
class Oracle {
 public:
  /// `config` must outlive it.
  explicit Oracle(const Config& config) : config_(config) {}
  Oracle(const Oracle&) = delete;

  /// A network, and a group in it as in ids: "_all", "north", "north/a".
  using GroupKey = std::pair<std::string, std::string>;

  /// One result that comes out.
  struct Publication {
    GroupKey group;
    std::string id;
    std::uint64_t revision;
    ClosedBy closed_by;
    std::uint64_t count;
    auto operator<=>(const Publication&) const = default;
  };
  /// What comes out with this record, of tumbling and sliding windows, in no particular order.
  std::vector<Publication> step(const Step& step);
  std::vector<Publication> finish();

  struct Account {
    std::uint64_t received = 0, accepted = 0, duplicate = 0, late = 0, refused = 0;
    std::uint64_t not_json = 0, future = 0, past = 0, set_back = 0;
    auto operator<=>(const Account&) const = default;
  };
  [[nodiscard]] const Account& account() const { return account_; }

  /// By id, all windows that have taken readings.
  [[nodiscard]] std::map<std::string, Figures> results() const;
  /// The sessions that have to be out after a record without a reading: closed, and every late reading in
  /// them taken a correction_interval ago. Number of readings by id.
  [[nodiscard]] std::map<std::string, std::uint64_t> sessions_due() const;

  /// How far a group has come in one of its windows.
  struct Progress {
    std::optional<Timestamp> watermark;
    bool was_set_back = false;
    Microseconds lag{}, allowed_lateness{};
    Timestamp newest;                           ///< where there is a watermark
    Microseconds newest_since{}, last_since{};  ///< connected time of the newest and of the last reading
    std::optional<Microseconds> joined_at;      ///< when a reading last joined two sessions
    /// The connected time at which silence closes a window that ends then.
    [[nodiscard]] Microseconds silent_until(Timestamp end, Microseconds idle) const {
      return std::max(last_since + idle, newest_since + (end + lag - newest));
    }
  };
  [[nodiscard]] Progress progress(const GroupKey& key, const std::string& window) const;
  [[nodiscard]] Microseconds connected() const { return connected_; }

  /// Something has happened, after a clock stepped back, of which the design does not say what follows: from
  /// here on nothing can be said.
  [[nodiscard]] bool lost_track() const { return lost_track_; }

 private:
  struct Window {
    Timestamp start, end;
    std::vector<Fact> facts{};
    // Of its results.
    bool closed = false;  ///< has come out, or was past its end before its first reading
    std::map<std::string, std::uint64_t> next_revision{};  ///< by metric
    std::set<std::string> corrected{};                     ///< metrics with readings not yet published
    Microseconds first_late{};                             ///< where there are such metrics
  };
  /// The windows of one configuration in one group.
  struct Shelf {
    const WindowConfig* config;
    std::vector<Window> windows{};    ///< not final: tumbling and sliding
    std::vector<Fact> in_sessions{};  ///< readings of the sessions that are not final
    std::vector<Window> finished{};
    std::optional<Timestamp> final_since{};  ///< the smallest start of the finished ones since a set back
    std::optional<Timestamp> final_until{};  ///< the largest end of the finished ones
    std::vector<std::pair<Timestamp, Timestamp>> eras{};  ///< what was final beyond the limit of a set back
    std::optional<Timestamp> closed_until{};              ///< the largest end that silence has closed
    std::optional<Microseconds> joined_at{};
    bool final_refused = false;  ///< a final window has not got a reading that one overlapping it has
  };
  struct Group {
    std::optional<Timestamp> newest;
    Microseconds newest_since{}, last_since{};
    bool was_set_back = false;
    std::vector<Shelf> shelves;
  };
  using Identity = std::tuple<std::string, std::string, std::string, std::string, std::optional<Timestamp>,
                              double, std::optional<std::uint64_t>, std::string>;
  struct Vote {
    Timestamp newest;
    Microseconds since;
    int spell = 0;  ///< the time with the link up in which it was heard
  };

  static std::string id_of(const GroupKey& key, const WindowConfig& window, const std::string& metric,
                           Timestamp start);
  [[nodiscard]] Microseconds lag_of(const WindowConfig& window) const;
  [[nodiscard]] Microseconds lateness_of(const WindowConfig& window) const;
  [[nodiscard]] std::optional<Timestamp> watermark(const Group& group, const WindowConfig& window) const;
  [[nodiscard]] bool is_final(const Group& group, const Shelf& shelf, Timestamp end) const;
  [[nodiscard]] Timestamp reference(const Step& step) const;
  std::vector<std::pair<GroupKey, Group*>> groups_of(const Fact& fact);

  // Which readings are taken.
  void take(const Step& step, std::vector<Publication>& out);
  void hear(const Fact& fact);
  [[nodiscard]] bool is_ahead(Timestamp limit) const;
  void set_back(Timestamp limit);
  static std::optional<Timestamp> newest_up_to(const Shelf& shelf, Timestamp limit);
  void judge(const Step& step, const Fact& fact, std::vector<Publication>& out);
  [[nodiscard]] Timestamp takes_nothing_before(const Group& group, const Shelf& shelf) const;
  [[nodiscard]] bool may_be_forgotten(const Step& step, const Fact& fact, bool covered);
  [[nodiscard]] bool is_repeat(const Step& step, const Fact& fact, bool late);
  [[nodiscard]] static std::vector<Timestamp> starts(const WindowConfig& window, Timestamp time);
  [[nodiscard]] bool session_takes(const Group& group, const Shelf& shelf, Timestamp time) const;
  [[nodiscard]] bool takes(const Group& group, const Shelf& shelf, Timestamp time) const;
  void accept(const Fact& fact, std::vector<Publication>& out);
  void put(const Group& group, Shelf& shelf, const Fact& fact);
  void put_in_window(const Group& group, Shelf& shelf, const Fact& fact, Timestamp start);

  // What comes out when.
  void run_deadlines(std::vector<Publication>& out);
  void close(const GroupKey& key, Shelf& shelf, Timestamp mark, std::vector<Publication>& out) const;
  void finish_sessions(Shelf& shelf, Timestamp mark) const;
  static void put_away(Shelf& shelf, Window window);
  static void publish(const GroupKey& key, const Shelf& shelf, Window& window, ClosedBy closed_by,
                      std::vector<Publication>& out);
  static void correct(const GroupKey& key, const Shelf& shelf, Window& window, std::vector<Publication>& out);
  static void publish_metric(const GroupKey& key, const Shelf& shelf, Window& window,
                             const std::string& metric, ClosedBy closed_by, std::vector<Publication>& out);

  const Config& config_;
  Account account_;
  Microseconds connected_{};
  std::optional<Microseconds> last_stamp_;
  std::map<std::string, Vote> votes_;  // by sensor
  int spell_ = 0;
  Microseconds spell_began_{};
  std::map<GroupKey, Group> groups_;
  std::set<Identity> known_;
  bool lost_track_ = false;
  std::map<std::string, Timestamp> horizons_;  // below which a sensor's identities may be forgotten
  Timestamp first_arrival_ = Timestamp::max(), last_arrival_ = Timestamp::min();
  Timestamp latest_{};  // the largest reference time so far
};

}  // namespace lookout::test
