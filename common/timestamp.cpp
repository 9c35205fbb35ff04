#include "common/timestamp.h"

#include <date/date.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "common/duration.h"

namespace lookout {
namespace {

std::optional<Timestamp> parse_with(const std::string& text, const char* format) {
  std::istringstream in(text);
  date::sys_time<std::chrono::nanoseconds> time;
  in >> date::parse(format, time);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return std::chrono::floor<Microseconds>(time);
}

// date::parse counts nanoseconds in 64 bits, which end in 2262: years outside are refused before it sees
// them.
bool year_fits_nanoseconds(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && text >= "1900" && text < "2262";
}

template <typename Number>
std::unexpected<std::string> not_in_range(Number count, Microseconds unit) {
  const char* name = unit == std::chrono::seconds{1}        ? "seconds"
                     : unit == std::chrono::milliseconds{1} ? "milliseconds"
                                                            : "microseconds";
  return Failure(fmt::format("{} is not a time in epoch {} between the years 1900 and 9999", count, name));
}

}  // namespace

Timestamp wall_clock_now() { return std::chrono::floor<Microseconds>(std::chrono::system_clock::now()); }

std::string to_rfc3339(Timestamp time) {
  time = std::clamp(time, kEarliestTime, kLatestTime);  // beyond, the calendar would overflow
  const auto day = date::floor<date::days>(time);
  const date::year_month_day ymd{day};
  const date::hh_mm_ss<Microseconds> clock{time - day};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(ymd.year()),
                                 static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:06}", clock.subseconds().count());
  return text + 'Z';
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  std::string copy(text);
  if (copy.size() > 10 && copy[10] == 't') copy[10] = 'T';
  if (!copy.empty() && copy.back() == 'z') copy.back() = 'Z';
  if (year_fits_nanoseconds(copy)) {
    for (const char* format : {"%FT%TZ", "%FT%T%Ez"}) {
      if (const auto time = parse_with(copy, format)) return *time;
    }
  } else if (const auto whole = copy.find_first_of(".Z+");
             copy.size() >= 20 && copy[4] == '-' && whole == 19) {
    // Far years in whole seconds are well formed too; the guards judge them, not the parser.
    std::istringstream in(copy.substr(0, 19));
    date::sys_seconds seconds;
    in >> date::parse("%FT%T", seconds);
    if (!in.fail() && seconds >= kEarliestTime && seconds < kLatestTime) return Timestamp{seconds};
  }
  return Failure(fmt::format("'{}' is not an RFC 3339 time such as 2026-11-22T11:20:00Z", text));
}

Result<Timestamp> from_epoch_seconds(double seconds) { return from_epoch(seconds, std::chrono::seconds{1}); }

Result<Timestamp> from_epoch(std::int64_t count, Microseconds unit) {
  // Both limits are whole seconds, so that dividing them loses nothing.
  if (count < kEarliestTime.time_since_epoch() / unit || count >= kLatestTime.time_since_epoch() / unit) {
    return not_in_range(count, unit);
  }
  return Timestamp{count * unit};
}

Result<Timestamp> from_epoch(double count, Microseconds unit) {
  const double microseconds = std::round(count * static_cast<double>(unit.count()));
  const auto limit = [](Timestamp time) { return static_cast<double>(time.time_since_epoch().count()); };
  // Written so that NaN fails too.
  if (!(microseconds >= limit(kEarliestTime) && microseconds < limit(kLatestTime))) {
    return not_in_range(count, unit);
  }
  return Timestamp{Microseconds{static_cast<std::int64_t>(microseconds)}};
}

Result<Timestamp> parse_time_argument(std::string_view text, Timestamp now) {
  if (text == "now") return now;
  if (text.starts_with('-')) {
    if (const auto ago = parse_duration(text.substr(1))) return now - *ago;
  }
  if (const auto time = parse_rfc3339(text)) return *time;
  const std::string copy(text);
  const std::string today = to_rfc3339(date::floor<date::days>(now)).substr(0, 10);
  for (const auto& [prefix, format] : {std::pair<std::string, const char*>{"", "%F"},
                                       {"", "%FT%T"},
                                       {today + "T", "%FT%H:%M"},
                                       {today + "T", "%FT%T"}}) {
    const std::string candidate = prefix + copy;
    if (!year_fits_nanoseconds(candidate)) continue;
    if (const auto time = parse_with(candidate, format)) return *time;
  }
  return Failure(
      fmt::format("'{}' is not a time: accepted are 2026-11-22T11:20:00Z, 2026-11-22, 11:20 (today, UTC), "
                  "-2h and now",
                  text));
}

}  // namespace lookout
