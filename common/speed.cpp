#include "common/speed.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace lookout {

Result<double> parse_speed(const std::string& text) {
  if (text == "max") return std::numeric_limits<double>::infinity();
  double factor = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, factor);
  if (error == std::errc{} && std::isfinite(factor) && factor > 0 && stop + 1 == end && *stop == 'x')
    return factor;
  return Failure(
      fmt::format("'{}' is not a speed: accepted are 1x, 60x or any other factor above 0, and max", text));
}

}  // namespace lookout
