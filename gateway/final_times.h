#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "common/timestamp.h"

namespace lookout {

/// Which windows of a store are final: those between the start of the first that became so and the end of the
/// last. Where a watermark is set back and all of these lie beyond the limit, they stay final as an era of
/// their own, and the time before it begins anew. Threading: one owner.
class FinalTimes {
 public:
  void add(Timestamp start, Timestamp end) {
    now_.from = std::min(now_.from, start);
    now_.through = std::max(now_.through, end);
  }
  void set_back(Timestamp limit) {
    if (now_.from <= limit || now_.through == Timestamp::min()) return;
    if (!eras_) eras_ = std::make_unique<std::vector<Era>>();
    eras_->push_back(now_);
    now_ = {};
  }
  /// End of the last one, without former eras.
  [[nodiscard]] Timestamp through() const { return now_.through; }
  /// Whether a window is one of them. (Of a session: whether a reading would touch one, both being its time.)
  [[nodiscard]] bool has(Timestamp start, Timestamp end) const {
    if (end <= now_.through) return true;
    if (!eras_) return false;
    return std::ranges::any_of(*eras_,
                               [&](const Era& era) { return start >= era.from && end <= era.through; });
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(now_, eras_);
  }

 private:
  struct Era {
    Timestamp from = Timestamp::max(), through = Timestamp::min();
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(from, through);
    }
  };
  Era now_;
  std::unique_ptr<std::vector<Era>> eras_;  // former ones; hardly ever there are any
};

}  // namespace lookout
