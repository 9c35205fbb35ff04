#include "gateway/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lookout {
namespace {

constexpr std::array<std::string_view, 9> kWords{"group", "network", "region", "sensor", "window",
                                                 "rule",  "sensors", "start",  "end"};

std::string word_value(const std::string& word, const std::string& rule, std::uint64_t sensors,
                       const ClosedWindow& window) {
  if (word == "group") return window.group.text();
  if (word == "network") return window.group.network;
  if (word == "region") return window.group.region;
  if (word == "sensor") return window.group.sensor;
  if (word == "window") return window.window;
  if (word == "rule") return rule;
  if (word == "sensors") return std::to_string(sensors);
  return to_rfc3339(word == "start" ? window.start : window.end);
}

}  // namespace

Result<Summary::Piece> Summary::parse_field(const std::string& field) {
  if (std::ranges::find(kWords, field) != kWords.end()) return Word{field};
  const auto colon = field.find(':');
  auto name = AggregateName::parse(field.substr(0, colon));
  if (!name) {
    return Failure(fmt::format(
        "{{{}}} is not known: accepted are {{{}}} and aggregates such as {{temperature.mean:.1f}}", field,
        fmt::join(kWords, "} {")));
  }
  Number number{std::move(*name), colon == std::string::npos ? "{}" : "{" + field.substr(colon) + "}"};
  try {
    static_cast<void>(fmt::format(fmt::runtime(number.format), 1.0));
  } catch (const fmt::format_error& error) {
    return Failure(fmt::format("{{{}}}: {} (an example is {{temperature.mean:.1f}})", field, error.what()));
  }
  return number;
}

Result<Summary> Summary::parse(const std::string& text) {
  Summary summary;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto open = text.find('{', at);
    if (open != at) summary.pieces_.emplace_back(text.substr(at, open - at));
    if (open == std::string::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string::npos) return Failure(fmt::format("'{}' has a {{ without a }}", text));
    auto piece = parse_field(text.substr(open + 1, close - open - 1));
    if (!piece) return Failure(piece.error());
    summary.pieces_.push_back(std::move(*piece));
    at = close + 1;
  }
  return summary;
}

std::string Summary::render(const std::string& rule, std::uint64_t sensors,
                            const ClosedWindow& window) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    if (const auto* literal = std::get_if<std::string>(&piece)) {
      text += *literal;
    } else if (const auto* word = std::get_if<Word>(&piece)) {
      text += word_value(word->name, rule, sensors, window);
    } else {
      const auto& number = std::get<Number>(piece);
      const auto value = number.name.value_in(window);
      text += value ? fmt::format(fmt::runtime(number.format), *value) : "?";
    }
  }
  return text;
}

}  // namespace lookout
