#include "simulator/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace lookout {
namespace {

using namespace std::chrono_literals;

std::string describe_left(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f}s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f}m", seconds / 60);
  return fmt::format("{:.1f}h", seconds / 3600);
}

}  // namespace

Progress::Progress(double expected, Clock::time_point begin)
    : expected_(expected),
      begin_(begin),
      terminal_(::isatty(STDERR_FILENO) == 1),
      interval_(terminal_ ? Clock::duration(200ms) : Clock::duration(10s)),
      due_(begin + interval_) {}

Progress::Clock::time_point Progress::tick(Clock::time_point now, std::uint64_t readings) {
  if (now < due_) return due_;
  const auto text =
      describe_progress(readings, expected_, std::chrono::duration<double>(now - begin_).count());
  // The cursor goes back to the first column, so that a log line overwrites the progress and not the reverse.
  std::fprintf(stderr, "simulator: %s%s", text.c_str(), terminal_ ? "\x1b[K\r" : "\n");
  return due_ = now + interval_;
}

std::string describe_progress(std::uint64_t readings, double expected, double elapsed_s) {
  const double done = static_cast<double>(readings);
  const double rate = elapsed_s > 0 ? done / elapsed_s : 0;
  if (expected <= 0) return fmt::format("{} readings, {:.0f}/s", readings, rate);
  std::string text = fmt::format("{} of about {:.0f} readings, {:.0f}/s", readings, expected, rate);
  if (rate > 0 && done < expected)
    text += fmt::format(", about {} left", describe_left((expected - done) / rate));
  return text;
}

}  // namespace lookout
