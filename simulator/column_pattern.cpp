#include "simulator/column_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/names.h"

namespace lookout {
namespace {

constexpr std::array<std::pair<std::string_view, std::optional<std::string_view> ColumnNames::*>, 3>
    kCaptures{{{"region", &ColumnNames::region},
               {"sensor", &ColumnNames::sensor},
               {"metric", &ColumnNames::metric}}};

}  // namespace

Result<ColumnPattern> ColumnPattern::parse(std::string_view text) {
  ColumnPattern pattern;
  pattern.text_ = text;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    if (open > 0) pattern.parts_.push_back({nullptr, std::string(text.substr(0, open))});
    text.remove_prefix(open);
    if (text.empty()) break;
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos)
      return Failure(fmt::format("'{}': a '{{' without '}}'", pattern.text_));
    if (auto added = pattern.add_capture(text.substr(1, close - 1)); !added) return Failure(added.error());
    text.remove_prefix(close + 1);
  }
  if (std::ranges::none_of(pattern.parts_,
                           [](const Part& part) { return part.capture == &ColumnNames::sensor; })) {
    return Failure(
        fmt::format("'{}' must hold {{sensor}}; {{region}} and {{metric}} are optional", pattern.text_));
  }
  return pattern;
}

Result<void> ColumnPattern::add_capture(std::string_view name) {
  const auto* known = std::ranges::find(kCaptures, name, [](const auto& pair) { return pair.first; });
  if (known == kCaptures.end()) {
    return Failure(fmt::format(
        "'{}': {{{}}} is not known; accepted are {{region}}, {{sensor}} and {{metric}}", text_, name));
  }
  if (std::ranges::any_of(parts_, [&](const Part& part) { return part.capture == known->second; })) {
    return Failure(fmt::format("'{}': {{{}}} stands twice", text_, name));
  }
  if (!parts_.empty() && parts_.back().capture) {
    return Failure(fmt::format("'{}': text is needed before {{{}}}, to tell where the capture before it ends",
                               text_, name));
  }
  parts_.push_back({known->second, {}});
  return {};
}

std::size_t ColumnPattern::end_of_capture(std::size_t part, std::string_view name, std::size_t begin) const {
  if (part + 1 == parts_.size()) return name.size();
  const std::string& after = parts_[part + 1].literal;
  if (part + 2 < parts_.size()) return name.find(after, begin + 1);
  return name.ends_with(after) ? name.size() - after.size() : std::string_view::npos;
}

std::optional<ColumnNames> ColumnPattern::match(std::string_view name) const {
  ColumnNames names;
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (part.capture) {
      const std::size_t end = end_of_capture(i, name, at);
      if (end == std::string_view::npos || end <= at) return std::nullopt;
      names.*part.capture = name.substr(at, end - at);
      at = end;
    } else if (name.substr(at).starts_with(part.literal)) {
      at += part.literal.size();
    } else {
      return std::nullopt;
    }
  }
  return at == name.size() ? std::optional(names) : std::nullopt;
}

std::string clean_name(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!is_valid_name({&c, 1})) c = '-';
    if (c != '-' || !name.ends_with('-')) name += c;
  }
  return name.substr(0, 64);
}

}  // namespace lookout
