#pragma once

#include <chrono>
#include <string>

namespace lookout {

/// Shows on stderr how far a command is: one line that is rewritten on a terminal, else a line every 10 s.
/// Threading: one owner.
class ProgressLine {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ProgressLine(Clock::time_point begin);

  /// When the next line is to be shown.
  [[nodiscard]] Clock::time_point due() const { return due_; }
  /// Shows it; the next is due a while later.
  void show(Clock::time_point now, std::string text);

 private:
  const bool terminal_;
  const Clock::duration interval_;
  Clock::time_point due_;
};

/// "57s", "120m", "27.8h"
std::string describe_left(double seconds);

}  // namespace lookout
