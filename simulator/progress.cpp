#include "simulator/progress.h"

#include <fmt/format.h>

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kRateSpan = 5s;

}  // namespace

Progress::Progress(double expected, Clock::time_point begin)
    : expected_(expected), line_(begin), history_{{begin, 0}} {}

Progress::Clock::time_point Progress::tick(Clock::time_point now, std::uint64_t readings,
                                           std::optional<double> left_s) {
  if (now < line_.due()) return line_.due();
  history_.emplace_back(now, readings);
  while (history_.size() > 2 && now - history_[1].first >= kRateSpan) history_.pop_front();
  const double seconds = std::chrono::duration<double>(now - history_.front().first).count();
  const double rate = seconds > 0 ? static_cast<double>(readings - history_.front().second) / seconds : 0;
  line_.show(now, "simulator: " + describe_progress(readings, expected_, rate, left_s));
  return line_.due();
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
