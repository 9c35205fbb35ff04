#include "simulator/key_setters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/duration.h"
#include "common/names.h"

namespace lookout {

Result<double> parse_number(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || !std::isfinite(number)) {
    return Failure(fmt::format("'{}' is not a number such as 25 or 0.5", text));
  }
  return number;
}

KeySetter duration_to(Microseconds& target) {
  return [&target](const std::string& value) { return store(parse_duration(value), target); };
}

KeySetter positive_duration_to(Microseconds& target) {
  return [&target](const std::string& value) -> Result<void> {
    auto stored = store(parse_duration(value), target);
    if (stored && target == Microseconds{0}) return Failure("accepted are durations above 0, such as 30s");
    return stored;
  };
}

KeySetter number_to(double& target) {
  return [&target](const std::string& value) { return store(parse_number(value), target); };
}

KeySetter name_to(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (!is_valid_name(value))
      return Failure(fmt::format("'{}' is not a name: accepted are {}", value, kNameRule));
    target = value;
    return {};
  };
}

Result<std::vector<std::pair<std::string, std::string>>> split_pairs(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      return Failure(fmt::format("'{}' is not KEY=VALUE (several with commas between)", item));
    }
    const std::string key = item.substr(0, equals);
    const auto same = [&](const auto& pair) { return pair.first == key; };
    if (std::ranges::any_of(pairs, same)) return Failure(fmt::format("{}: accepted is one value", key));
    pairs.emplace_back(key, item.substr(equals + 1));
    begin = end + 1;
  }
  return pairs;
}

Result<void> apply_keys(const std::string& text, const KeySetters& setters, const OtherKeys& other) {
  const auto pairs = split_pairs(text);
  if (!pairs) return Failure(pairs.error());
  for (const auto& [key, value] : *pairs) {
    const auto setter = setters.find(key);
    const auto done = setter == setters.end() ? other(key, value) : setter->second(value);
    if (!done) return Failure(fmt::format("{}: {}", key, done.error()));
  }
  return {};
}

OtherKeys refuse_others(std::string accepted) {
  return [accepted = std::move(accepted)](const std::string&, const std::string&) -> Result<void> {
    return Failure(fmt::format("not known; accepted are {}", accepted));
  };
}

}  // namespace lookout
