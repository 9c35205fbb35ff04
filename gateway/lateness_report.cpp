#include "gateway/lateness_report.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "common/duration.h"
#include "common/exit_code.h"
#include "common/file.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;
using Sensors = std::vector<Lateness::Sensor>;

// The lags in force, each with the windows that wait for it.
std::map<Microseconds, std::vector<std::string>> lags_of(const Config& config) {
  std::map<Microseconds, std::vector<std::string>> lags;
  for (const WindowConfig& window : config.windows)
    lags[window.lag.value_or(config.time.lag)].push_back(window.name);
  if (lags.empty()) lags[config.time.lag];
  return lags;
}

std::string name_of(const SeriesTable& series, const Lateness::Sensor& sensor) {
  const Series& names = series[*sensor.series];
  return fmt::format("{}/{}/{}", names.network, names.region, names.sensor);
}

Sensors worst_first(const Machine& machine) {
  Sensors sensors;
  machine.lateness().for_each_sensor([&](const Lateness::Sensor& sensor) { sensors.push_back(sensor); });
  std::ranges::sort(sensors, [&](const auto& a, const auto& b) {
    const auto late_a = a.delays.quantile(0.99), late_b = b.delays.quantile(0.99);
    return late_a != late_b ? late_a > late_b : name_of(machine.series(), a) < name_of(machine.series(), b);
  });
  return sensors;
}

std::string percent(double share) { return fmt::format("{:.3g} %", share * 100); }

double share(std::uint64_t part, std::uint64_t of) {
  return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

std::string row(std::size_t width, std::string_view name, const DelayHistogram& delays, Microseconds lag) {
  std::string text = fmt::format("{:{}}  {:>9}", name, width, delays.count());
  for (const double q : {0.5, 0.95, 0.99, 0.999})
    text += fmt::format("  {:>6}", round_up(delays.quantile(q)));
  return text + fmt::format("  {:>6}  {:>10}\n", round_up(delays.max()), percent(delays.share_beyond(lag)));
}

std::string table(const Machine& machine, Microseconds lag, std::size_t shown) {
  Sensors sensors = worst_first(machine);
  const std::size_t heard = sensors.size();
  sensors.resize(std::min(heard, shown));
  std::size_t width = std::string_view("all 100000 sensors").size();
  for (const auto& sensor : sensors) width = std::max(width, name_of(machine.series(), sensor).size());
  std::string text =
      fmt::format("{:{}}  {:>9}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>10}\n", "arrival - event time", width,
                  "readings", "p50", "p95", "p99", "p99.9", "max", "over " + format_duration(lag));
  text += row(width, fmt::format("all {} sensors", heard), machine.lateness().overall(), lag);
  for (const auto& sensor : sensors)
    text += row(width, name_of(machine.series(), sensor), sensor.delays, lag);
  if (heard > shown) text += fmt::format("and {} sensors with a smaller p99\n", heard - shown);
  return text;
}

std::string sentences(const Config& config, const Machine& machine) {
  const DelayHistogram& all = machine.lateness().overall();
  std::string text =
      fmt::format("A lag of {} would have kept 95 % of the readings in time, {} 99 %, {} 99.9 %.\n",
                  round_up(all.quantile(0.95)), round_up(all.quantile(0.99)), round_up(all.quantile(0.999)));
  for (const auto& [lag, windows] : lags_of(config)) {
    text += fmt::format(
        "The configured lag of {}{}: {} of the readings come later than it allows; it costs that every "
        "result "
        "comes at least {} after the end of its window.\n",
        format_duration(lag), windows.empty() ? "" : fmt::format(" (window {})", fmt::join(windows, ", ")),
        percent(all.share_beyond(lag)), format_duration(lag));
  }
  const Books& books = machine.books();
  return text +
         fmt::format(
             "Measured: {} readings ({}) corrected a window that had closed, {} ({}) came too late for "
             "every window, {} times a single window refused what another took.\n",
             books.corrected, percent(share(books.corrected, books.accepted + books.late)), books.late,
             percent(share(books.late, books.accepted + books.late)), books.refused);
}

std::string text_report(const Config& config, const Machine& machine, std::size_t shown) {
  const Lateness& lateness = machine.lateness();
  if (!lateness.span()) return "No reading has an event time: how late they come cannot be told.\n";
  return table(machine, config.time.lag, shown) + '\n' + sentences(config, machine) +
         fmt::format("Event times from {} to {}.\n", to_rfc3339(lateness.span()->oldest),
                     to_rfc3339(lateness.span()->newest));
}

std::string json_report(const Config& config, const Machine& machine) {
  const Lateness& lateness = machine.lateness();
  const Books& books = machine.books();
  ordered_json report;
  if (const auto& span = lateness.span()) {
    report["event_time"] = {{"from", to_rfc3339(span->oldest)}, {"to", to_rfc3339(span->newest)}};
  }
  report["all"] = delays_json(lateness.overall(), config.time.lag);
  report["lags"] = ordered_json::array();
  for (const auto& [lag, windows] : lags_of(config)) {
    report["lags"].push_back({{"lag_s", to_seconds(lag)},
                              {"windows", windows},
                              {"beyond_lag", lateness.overall().share_beyond(lag)}});
  }
  report["books"] = {{"received", books.received},   {"accepted", books.accepted},
                     {"duplicate", books.duplicate}, {"rejected", books.all_rejected()},
                     {"late", books.late},           {"corrected", books.corrected},
                     {"refused", books.refused}};
  report["sensors"] = ordered_json::array();
  for (const auto& sensor : worst_first(machine)) {
    const Series& names = machine.series()[*sensor.series];
    ordered_json entry{{"network", names.network}, {"region", names.region}, {"sensor", names.sensor}};
    entry.update(delays_json(sensor.delays, config.time.lag));
    report["sensors"].push_back(std::move(entry));
  }
  return report.dump() + '\n';
}

}  // namespace

std::string round_up(Microseconds delay) {
  struct Unit {
    const char* name;
    double us;
  };
  static constexpr std::array<Unit, 4> kUnits{{{"d", 86400e6}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}}};
  const auto us = static_cast<double>(delay.count());
  Unit unit{"ms", 1e3};
  if (const auto* found =
          std::ranges::find_if(kUnits, [&](const Unit& known) { return std::abs(us) >= known.us; });
      found != kUnits.end()) {
    unit = *found;
  }
  const double tenths = std::ceil(us / unit.us * 10) / 10;
  if (std::abs(tenths) >= 10 || us == 0) return fmt::format("{:.0f}{}", std::ceil(us / unit.us), unit.name);
  return fmt::format("{:.1f}{}", tenths, unit.name);
}

int report_lateness(const Config& config, Machine machine, PlaybackOptions playback,
                    const LatenessOptions& options) {
  playback.flush = false;
  const auto played =
      play(playback, machine, [](const auto&, const auto&) -> Result<void> { return Result<void>{}; });
  if (!played) {
    spdlog::error("{}", played.error());
    return kExitFailed;
  }
  const std::string report =
      options.json ? json_report(config, machine) : text_report(config, machine, options.sensors);
  if (std::fputs(report.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return kExitDone;
  spdlog::error("{}", describe_errno("cannot write to", "standard output"));
  return kExitFailed;
}

}  // namespace lookout
