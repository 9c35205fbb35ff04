#include "simulator/key_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "common/duration.h"
#include "common/names.h"

namespace lookout {
namespace {

using Set = std::function<Result<void>(const std::string& value)>;
using Setters = std::map<std::string, Set>;

Result<std::vector<std::pair<std::string, std::string>>> split(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      return Failure(fmt::format("'{}' is not KEY=VALUE (several with commas between)", item));
    }
    pairs.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    begin = end + 1;
  }
  return pairs;
}

Result<double> parse_number(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || !std::isfinite(number)) {
    return Failure(fmt::format("'{}' is not a number such as 25 or 0.5", text));
  }
  return number;
}

template <typename T>
Result<void> store(Result<T> parsed, T& target) {
  if (!parsed) return Failure(std::move(parsed.error()));
  target = std::move(*parsed);
  return {};
}

Set duration_to(Microseconds& target) {
  return [&target](const std::string& value) { return store(parse_duration(value), target); };
}
Set number_to(double& target) {
  return [&target](const std::string& value) { return store(parse_number(value), target); };
}
Set name_to(std::string& target) {
  return [&target](const std::string& value) -> Result<void> {
    if (!is_valid_name(value))
      return Failure(fmt::format("'{}' is not a name: accepted are {}", value, kNameRule));
    target = value;
    return {};
  };
}

// Calls the setter of each key; `other` takes the keys without one.
Result<void> apply(const std::string& text, const Setters& setters,
                   const std::function<Result<void>(const std::string&, const std::string&)>& other) {
  const auto pairs = split(text);
  if (!pairs) return Failure(pairs.error());
  for (const auto& [key, value] : *pairs) {
    const auto setter = setters.find(key);
    const auto done = setter == setters.end() ? other(key, value) : setter->second(value);
    if (!done) return Failure(fmt::format("{}: {}", key, done.error()));
  }
  return {};
}

std::function<Result<void>(const std::string&, const std::string&)> refuse(std::string accepted) {
  return [accepted = std::move(accepted)](const std::string&, const std::string&) -> Result<void> {
    return Failure(fmt::format("not known; accepted are {}", accepted));
  };
}

Result<void> set_unit(std::string& target, const std::string& value) {
  const auto allowed = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (!std::ranges::all_of(value, allowed))
    return Failure("a unit is printable ASCII without quote and backslash");
  target = value;
  return {};
}

}  // namespace

Result<Fire> parse_fire(const std::string& text) {
  Fire fire;
  const Setters setters{{"region", name_to(fire.region)},    {"sensor", name_to(fire.sensor)},
                        {"start", duration_to(fire.start)},  {"duration", duration_to(fire.duration)},
                        {"every", duration_to(fire.every)},  {"ramp", duration_to(fire.ramp)},
                        {"spread", duration_to(fire.spread)}};
  const auto rise = [&](const std::string& metric, const std::string& value) {
    auto done = store(parse_number(value), fire.rise[metric]);
    if (done) return done;
    return Result<void>(Failure(done.error() +
                                "; a key other than region, sensor, start, duration, every, ramp and "
                                "spread is a metric, and its value the rise"));
  };
  if (auto applied = apply(text, setters, rise); !applied) return Failure(applied.error());
  if (fire.rise.empty()) return Failure("name at least one metric and its rise, such as temperature=25");
  if (!fire.region.empty() && !fire.sensor.empty()) return Failure("give region or sensor, not both");
  return fire;
}

Result<Spike> parse_fault(const std::string& text) {
  Spike spike;
  bool has_kind = false;
  const auto kind = [&](const std::string& value) -> Result<void> {
    has_kind = true;
    if (value == "spike") return {};
    return Failure(
        fmt::format("'{}' is not known; accepted is spike (duplicates, reordering and losses have options of "
                    "their own)",
                    value));
  };
  const Setters setters{
      {"kind", kind},
      {"share", [&](const std::string& value) { return store(parse_share(value), spike.share); }},
      {"amount", number_to(spike.amount)},
      {"metric", name_to(spike.metric)}};
  auto applied = apply(text, setters, refuse("kind, share, amount and metric"));
  if (!applied) return Failure(applied.error());
  if (!has_kind || spike.share == 0 || spike.amount == 0) {
    return Failure(
        "needed are kind=spike, share (above 0, at most 1) and amount (not 0); metric is optional");
  }
  return spike;
}

Result<MetricModel> parse_metric(const std::string& text) {
  const auto pairs = split(text);
  if (!pairs) return Failure(pairs.error());
  const auto named = std::ranges::find(*pairs, "name", [](const auto& pair) { return pair.first; });
  if (named == pairs->end()) return Failure("needed is name=...; baseline, noise, min and unit are optional");
  MetricModel model = metric_model(named->second);
  const Setters setters{
      {"name", name_to(model.name)},
      {"baseline", number_to(model.baseline)},
      {"noise", number_to(model.noise)},
      {"min", [&](const std::string& value) { return store(parse_number(value), model.minimum.emplace()); }},
      {"unit", [&](const std::string& value) { return set_unit(model.unit, value); }}};
  auto applied = apply(text, setters, refuse("name, baseline, noise, min and unit"));
  if (!applied) return Failure(applied.error());
  if (model.noise < 0) return Failure("noise: accepted are 0 and more");
  return model;
}

Result<double> parse_share(const std::string& text) {
  const auto number = parse_number(text);
  if (!number || *number < 0 || *number > 1) {
    return Failure(fmt::format("'{}' is not a share: accepted are numbers from 0 to 1, such as 0.02", text));
  }
  return *number;
}

}  // namespace lookout
