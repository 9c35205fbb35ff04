#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

// How lists of KEY=VALUE with commas between are taken apart: each key has a setter. All fail with what is
// accepted. Targets must outlive their setters.

using KeySetter = std::function<Result<void>(const std::string& value)>;
using KeySetters = std::map<std::string, KeySetter>;
using OtherKeys = std::function<Result<void>(const std::string& key, const std::string& value)>;

/// Stores what was parsed.
template <typename T, typename Target>
Result<void> store(Result<T> parsed, Target& target) {
  if (!parsed) return Failure(std::move(parsed.error()));
  target = std::move(*parsed);
  return {};
}

Result<double> parse_number(const std::string& text);

KeySetter duration_to(Microseconds& target);
KeySetter positive_duration_to(Microseconds& target);
KeySetter number_to(double& target);
KeySetter name_to(std::string& target);

/// Fails where a key has no value or comes twice.
Result<std::vector<std::pair<std::string, std::string>>> split_pairs(const std::string& text);

/// Calls the setter of each key; `other` takes the keys without one.
Result<void> apply_keys(const std::string& text, const KeySetters& setters, const OtherKeys& other);

/// Takes no other key; `accepted` names those that are.
OtherKeys refuse_others(std::string accepted);

}  // namespace lookout
