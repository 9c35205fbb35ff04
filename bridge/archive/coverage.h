#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/timestamp.h"

namespace lookout {

/// Which times something holds: a few stretches, each from its first time to its last. Times up to ten
/// minutes apart make one stretch; beyond 64 stretches the two nearest are joined, so that one sensor with a
/// wrong clock adds a stretch of its own and does not make the rest look longer than it is. Never says that a
/// time is not held which is.
class Coverage {
 public:
  struct Stretch {
    Timestamp from, to;  ///< both are held
    bool operator==(const Stretch&) const = default;
  };
  static constexpr std::size_t kMost = 64;

  void add(Timestamp time) { add(Stretch{time, time}); }
  void add(const Stretch& stretch);
  [[nodiscard]] bool may_hold(Timestamp time) const { return may_hold(time, time); }
  /// Anything from <= time <= to.
  [[nodiscard]] bool may_hold(Timestamp from, Timestamp to) const;
  /// In order, apart from each other.
  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }

 private:
  void join_nearest();
  std::vector<Stretch> stretches_;
};

}  // namespace lookout
