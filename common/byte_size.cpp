#include "common/byte_size.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace lookout {

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, int>, 5> kUnits{
      {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (error == std::errc{} && number < (std::uint64_t{1} << 33)) {
    for (const auto& [name, shift] : kUnits) {
      if (unit == name) return number << shift;
    }
  }
  return Failure(
      fmt::format("'{}' is not a size: accepted are \"64 KiB\" \"16 MiB\" \"1 GiB\" and bare bytes", text));
}

}  // namespace lookout
