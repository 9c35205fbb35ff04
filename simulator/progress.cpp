#include "simulator/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kRateSpan = 5s;

// A line that wraps could not be rewritten.
std::size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

std::string describe_left(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f}s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f}m", seconds / 60);
  return fmt::format("{:.1f}h", seconds / 3600);
}

}  // namespace

Progress::Progress(double expected, Clock::time_point begin)
    : expected_(expected),
      terminal_(::isatty(STDERR_FILENO) == 1),
      interval_(terminal_ ? Clock::duration(200ms) : Clock::duration(10s)),
      due_(begin + interval_),
      history_{{begin, 0}} {}

Progress::Clock::time_point Progress::tick(Clock::time_point now, std::uint64_t readings,
                                           std::optional<double> left_s) {
  if (now < due_) return due_;
  history_.emplace_back(now, readings);
  while (history_.size() > 2 && now - history_[1].first >= kRateSpan) history_.pop_front();
  const double seconds = std::chrono::duration<double>(now - history_.front().first).count();
  const double rate = seconds > 0 ? static_cast<double>(readings - history_.front().second) / seconds : 0;
  std::string text = "simulator: " + describe_progress(readings, expected_, rate, left_s);
  if (terminal_) text.resize(std::min(text.size(), columns() - 1));
  // The cursor goes back to the first column, so that a log line overwrites the progress and not the reverse.
  std::fprintf(stderr, "%s%s", text.c_str(), terminal_ ? "\x1b[K\r" : "\n");
  return due_ = now + interval_;
}

std::string describe_progress(std::uint64_t readings, double expected, double rate,
                              std::optional<double> left_s) {
  const double done = static_cast<double>(readings);
  if (expected <= 0) return fmt::format("{} readings, {:.0f}/s", readings, rate);
  std::string text = fmt::format("{} of about {:.0f} readings, {:.0f}/s", readings, expected, rate);
  if (done >= expected) return text;
  if (!left_s && rate > 0) left_s = (expected - done) / rate;
  if (left_s) text += fmt::format(", about {} left", describe_left(*left_s));
  return text;
}

}  // namespace lookout
