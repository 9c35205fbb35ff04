#pragma once

#include <map>
#include <optional>
#include <string>

#include "bridge/archive/aggregate_row.h"
#include "bridge/replay/replay_files.h"
#include "common/config.h"
#include "common/result.h"

namespace lookout {

/// How far the live gateway is with each group (a sensor, a region, a network), as far as the archive and the
/// configuration tell: nobody asks the gateway.
///
/// A group's newest event time is that of its archived readings of at most `max_future` ahead of their
/// arrival: what is further ahead is rejected and moves no watermark (where the box's clock is not trusted
/// the gateway judges by its sensors instead, and this is the best guess there is). Less the window's lag it
/// is the live watermark. A live gateway that is behind the archive has queued the replay behind what it has
/// not seen yet, so by the time the replay is over it knows what the archive did.
///
/// A window is done with when the watermark is past end + allowed_lateness, as the gateway has it; or when
/// the group has been silent for so long that the window has closed by idleness at the latest (README,
/// Silence), and for allowed_lateness more. Threading: one owner.
class LiveGroups {
 public:
  struct Heard {
    std::optional<Timestamp> newest{};  ///< event time
    std::optional<Timestamp> arrival{};
  };

  /// `needed`: groups ("network/group") with the event time from which on it does not matter how new their
  /// newest reading is. Files are looked through from the newest back, until all are known.
  static Result<LiveGroups> read(const ReplayFiles& files, const TimeConfig& time,
                                 std::map<std::string, Timestamp> needed);

  [[nodiscard]] bool is_done_with(const AggregateRow& result, const WindowConfig& window,
                                  Timestamp now) const;
  [[nodiscard]] Heard of(const std::string& group) const;

  static std::string key_of(const AggregateRow& result) { return result.network + '/' + result.group; }
  /// The newest event time at which a window is final.
  static Timestamp needed_by(const AggregateRow& result, const WindowConfig& window, const TimeConfig& time);

 private:
  explicit LiveGroups(const TimeConfig& time) : time_(time) {}
  void hear(const std::string& group, const ReplayFile::Newest& newest);

  TimeConfig time_;
  std::map<std::string, Heard> heard_;
};

}  // namespace lookout
