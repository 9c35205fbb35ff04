#include "common/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace lookout {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};

constexpr std::array<Unit, 6> kUnits{{{"us", 1},
                                      {"ms", 1'000},
                                      {"s", 1'000'000},
                                      {"m", 60'000'000},
                                      {"h", 3'600'000'000},
                                      {"d", 86'400'000'000}}};
constexpr double kLongest = 10'000.0 * 86'400e6;

}  // namespace

Result<Microseconds> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && number >= 0) {
    if (unit.empty() && number == 0) return Microseconds{0};
    for (const Unit& known : kUnits) {
      const double microseconds = number * static_cast<double>(known.microseconds);
      if (unit == known.name && microseconds <= kLongest) return Microseconds{std::llround(microseconds)};
    }
  }
  return Failure(fmt::format(
      "'{}' is not a duration: accepted are \"200ms\" \"30s\" \"5m\" \"24h\" \"7d\" and 0", text));
}

std::string format_duration(Microseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0";
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    if (count % unit->microseconds == 0) return fmt::format("{}{}", count / unit->microseconds, unit->name);
  }
  std::unreachable();
}

}  // namespace lookout
