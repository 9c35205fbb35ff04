#include "bridge/days/day.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <optional>
#include <stdexcept>

namespace lookout {
namespace {

constexpr const char* kUtc = "UTC";
constexpr std::size_t kDateLength = 10;  // 2026-11-22

Result<const date::time_zone*> find_zone(const std::string& name) {
  try {
    return date::locate_zone(name);
  } catch (const std::runtime_error&) {  // also where the machine has no tz database
    return Failure(fmt::format(
        "'{}' is no time zone that this machine knows: accepted are names of /usr/share/zoneinfo, such as "
        "Europe/Berlin or UTC",
        name));
  }
}

std::string to_date(std::chrono::sys_days day) { return to_rfc3339(day).substr(0, kDateLength); }

std::chrono::sys_days today_in(const date::time_zone& zone, Timestamp now) {
  const auto local = zone.to_local(now);
  return std::chrono::sys_days{date::floor<date::days>(local).time_since_epoch()};
}

std::optional<std::chrono::sys_days> parse_date(const std::string& text) {
  if (text.size() != kDateLength) return std::nullopt;
  const auto midnight = parse_rfc3339(text + "T00:00:00Z");
  if (!midnight) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(*midnight);
}

// Where midnight comes twice the first counts, where it is skipped the moment of the change.
Timestamp midnight_in(const date::time_zone& zone, std::chrono::sys_days day) {
  return zone.to_sys(date::local_days{day.time_since_epoch()}, date::choose::earliest);
}

}  // namespace

Result<Day> find_day(const std::string& date, const std::string& zone, Timestamp now) {
  const auto found = find_zone(zone);
  if (!found) return Failure(found.error());
  const auto today = today_in(**found, now);
  auto day = parse_date(date);
  if (date == "today") day = today;
  if (date == "yesterday") day = today - std::chrono::days{1};
  if (!day)
    return Failure(fmt::format(
        "'{}' is not a day: accepted are 2026-11-22, today and yesterday, of the zone {}", date, zone));
  const Timestamp from = midnight_in(**found, *day), to = midnight_in(**found, *day + std::chrono::days{1});
  if (from > now)
    return Failure(fmt::format("{} has not begun yet in the zone {}: it is {} there", to_date(*day), zone,
                               to_date(today)));
  if (from == to) return Failure(fmt::format("there was no {} in the zone {}", to_date(*day), zone));
  return Day{to_date(*day), zone, from, to};
}

Day utc_day(std::chrono::sys_days day) { return {to_date(day), kUtc, day, day + std::chrono::days{1}}; }

}  // namespace lookout
