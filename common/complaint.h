#pragma once

#include <chrono>
#include <optional>

namespace lookout {

/// Something that goes on being wrong is said when it begins and then once a minute, however often it is
/// tried again. Threading: one owner.
class Complaint {
 public:
  using Clock = std::chrono::steady_clock;

  /// Whether it is to be said now; then the minute begins.
  bool is_due(Clock::time_point now) {
    if (said_ && now - *said_ < std::chrono::minutes{1}) return false;
    said_ = now;
    return true;
  }
  /// It is right again. Whether anything had been said: then that is worth a word.
  bool settle() {
    const bool was_said = said_.has_value();
    said_.reset();
    return was_said;
  }

 private:
  std::optional<Clock::time_point> said_;
};

}  // namespace lookout
