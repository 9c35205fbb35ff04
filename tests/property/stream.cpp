#include "tests/property/stream.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>

#include "common/duration.h"

namespace lookout::test {
namespace {

constexpr std::array<const char*, 6> kKinds{"", "message", "link up", "link down", "tick", "clock"};
constexpr std::array<const char*, 3> kWindowKinds{"tumbling", "sliding", "session"};
constexpr std::array<const char*, 3> kGroups{"sensor", "region", "network"};

// All digits of a microsecond: a double holds them for times of our days.
std::string epoch_seconds(Timestamp time) {
  const auto count = time.time_since_epoch().count();
  return fmt::format("{}{}.{:06}", count < 0 ? "-" : "", std::abs(count) / 1'000'000,
                     std::abs(count) % 1'000'000);
}

std::string payload_of(const Step& step) {
  if (step.broken) return "{";
  std::string text = fmt::format(R"({{"value":{})", step.value);
  if (step.event_time) text += fmt::format(R"(,"event_time":{})", epoch_seconds(*step.event_time));
  if (step.seq) text += fmt::format(R"(,"seq":{})", *step.seq);
  if (!step.boot.empty()) text += fmt::format(R"(,"boot":"{}")", step.boot);
  return text + '}';
}

// As in the interface where it is short, else in microseconds.
std::string text(Microseconds duration) { return format_duration(duration); }

void show(std::ostream& out, const WindowConfig& window) {
  fmt::print(out, "  [[window]] {} {}", window.name, kWindowKinds[static_cast<std::size_t>(window.kind)]);
  if (window.kind == WindowKind::session) fmt::print(out, " gap {}", text(window.gap));
  if (window.kind != WindowKind::session) {
    fmt::print(out, " size {} step {} offset {}", text(window.size), text(window.step), text(window.offset));
  }
  if (window.lag) fmt::print(out, " lag {}", text(*window.lag));
  if (window.allowed_lateness) fmt::print(out, " allowed_lateness {}", text(*window.allowed_lateness));
  if (window.over) fmt::print(out, " over {}", *window.over);
  fmt::print(out, " by");
  for (const GroupBy by : window.by) fmt::print(out, " {}", kGroups[static_cast<std::size_t>(by)]);
  for (const std::string& metric : window.metrics) fmt::print(out, " only {}", metric);
  fmt::print(out, "\n");
}

void show(std::ostream& out, const Step& step) {
  fmt::print(out, "  {} C {:.6f} {}", to_rfc3339(step.arrival),
             static_cast<double>(step.connected.count()) / 1e6, step.trusted ? "" : "untrusted ");
  if (step.kind != journal::Kind::message) {
    fmt::print(out, "{}\n", kKinds[static_cast<std::size_t>(step.kind)]);
    return;
  }
  fmt::print(out, "{}/{}/{}/{} ", step.network(), step.region(), step.sensor_name(), step.metric_name());
  if (step.event_time) fmt::print(out, "at {} ", to_rfc3339(*step.event_time));
  fmt::print(out, "{}\n", payload_of(step));
}

}  // namespace

Rendered::Rendered(const Step& step, std::uint64_t offset) {
  if (step.kind == journal::Kind::message) {
    topic = fmt::format("sensors/{}/{}/{}/{}", step.network(), step.region(), step.sensor_name(),
                        step.metric_name());
    payload = payload_of(step);
  }
  record.offset = offset;
  record.message = {step.arrival, topic, payload};
  record.kind = step.kind;
  record.stamp = {step.connected, step.trusted};
}

std::ostream& operator<<(std::ostream& out, const Case& shown) {
  const TimeConfig& time = shown.config.time;
  fmt::print(
      out, "\n  [time] lag {} idle {} allowed_lateness {} correction_interval {} max_future {} max_past {}\n",
      text(time.lag), text(time.idle), text(time.allowed_lateness), text(time.correction_interval),
      text(time.max_future), text(time.max_past));
  for (const WindowConfig& window : shown.config.windows) show(out, window);
  for (const Step& step : shown.steps) show(out, step);
  return out;
}

}  // namespace lookout::test
