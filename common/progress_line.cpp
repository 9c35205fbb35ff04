#include "common/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace lookout {
namespace {

using namespace std::chrono_literals;

// A line that wraps could not be rewritten.
std::size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

}  // namespace

ProgressLine::ProgressLine(Clock::time_point begin)
    : terminal_(::isatty(STDERR_FILENO) == 1),
      interval_(terminal_ ? Clock::duration(200ms) : Clock::duration(10s)),
      due_(begin + interval_) {}

void ProgressLine::show(Clock::time_point now, std::string text) {
  if (terminal_) text.resize(std::min(text.size(), columns() - 1));
  // The cursor goes back to the first column, so that a log line overwrites the progress and not the reverse.
  std::fprintf(stderr, "%s%s", text.c_str(), terminal_ ? "\x1b[K\r" : "\n");
  due_ = now + interval_;
}

std::string describe_left(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f}s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f}m", seconds / 60);
  return fmt::format("{:.1f}h", seconds / 3600);
}

}  // namespace lookout
