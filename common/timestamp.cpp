#include "common/timestamp.h"

#include <date/date.h>
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "common/duration.h"

namespace lookout {
namespace {

// date::parse takes as many digits of a second as its type has: those beyond the microsecond are cut.
std::string cut_to_microseconds(std::string text) {
  constexpr std::size_t kDigits = 6;
  const auto point = text.find('.');
  if (point == std::string::npos) return text;
  const auto end = std::min(text.find_first_not_of("0123456789", point + 1), text.size());
  if (end > point + 1 + kDigits) text.erase(point + 1 + kDigits, end - point - 1 - kDigits);
  return text;
}

// `0` in the shape stands for a digit, `+` for a sign.
bool fits(std::string_view text, std::string_view shape) {
  return std::ranges::equal(text, shape, [](char c, char wanted) {
    if (wanted == '+') return c == '+' || c == '-';
    return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
  });
}

constexpr std::string_view kDate = "0000-00-00", kOffset = "+00:00";

bool ends_with_offset(std::string_view text) {
  return text.size() >= kOffset.size() && fits(text.substr(text.size() - kOffset.size()), kOffset);
}

// date::parse takes signs for numbers, also without any digit behind them, and negates what it has not read.
std::optional<Timestamp> parse_with(const std::string& text, const char* format) {
  std::string_view clock = text;
  if (ends_with_offset(clock)) clock.remove_suffix(kOffset.size());
  if (!fits(clock.substr(0, kDate.size()), kDate)) return std::nullopt;
  clock.remove_prefix(kDate.size());
  if (clock.find_first_not_of("T0123456789:.Z") != std::string_view::npos) return std::nullopt;
  std::istringstream in(cut_to_microseconds(text));
  Timestamp time;
  in >> date::parse(format, time);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  if (time < kEarliestTime || time >= kLatestTime) return std::nullopt;
  return time;
}

template <typename Number>
std::unexpected<std::string> not_in_range(Number count, Microseconds unit) {
  const char* name = unit == std::chrono::seconds{1}        ? "seconds"
                     : unit == std::chrono::milliseconds{1} ? "milliseconds"
                                                            : "microseconds";
  return Failure(fmt::format("{} is not a time in epoch {} of the years 1900 to 9998", count, name));
}

}  // namespace

Timestamp wall_clock_now() { return std::chrono::floor<Microseconds>(std::chrono::system_clock::now()); }

std::string to_rfc3339(Timestamp time) {
  time = std::clamp(time, kEarliestTime, kLatestTime);  // beyond, the calendar would overflow
  const auto day = date::floor<date::days>(time);
  const date::year_month_day ymd{day};
  const date::hh_mm_ss<Microseconds> clock{time - day};
  // Compiled: three of them stand in every result.
  std::string text;
  text.reserve(sizeof("2026-11-22T11:20:00.000001Z"));
  fmt::format_to(std::back_inserter(text), FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}"),
                 static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                 static_cast<unsigned>(ymd.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count());
  if (clock.subseconds().count() != 0)
    fmt::format_to(std::back_inserter(text), FMT_COMPILE(".{:06}"), clock.subseconds().count());
  text += 'Z';
  return text;
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  std::string copy(text);
  if (copy.size() > 10 && copy[10] == 't') copy[10] = 'T';
  if (!copy.empty() && copy.back() == 'z') copy.back() = 'Z';
  const char* const format = copy.ends_with('Z') ? "%FT%TZ" : "%FT%T%Ez";
  if (copy.ends_with('Z') || ends_with_offset(copy)) {
    if (const auto time = parse_with(copy, format)) return *time;
  }
  return Failure(
      fmt::format("'{}' is not an RFC 3339 time such as 2026-11-22T11:20:00Z, of the years 1900 "
                  "to 9998",
                  text));
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
    if (const auto time = parse_with(prefix + copy, format)) return *time;
  }
  return Failure(
      fmt::format("'{}' is not a time: accepted are 2026-11-22T11:20:00Z, 2026-11-22, 11:20 (today, UTC), "
                  "-2h and now",
                  text));
}

}  // namespace lookout
