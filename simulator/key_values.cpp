#include "simulator/key_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/key_setters.h"

namespace lookout {
namespace {

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
  const KeySetters setters{{"region", name_to(fire.region)},    {"sensor", name_to(fire.sensor)},
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
  if (auto applied = apply_keys(text, setters, rise); !applied) return Failure(applied.error());
  if (fire.rise.empty()) return Failure("name at least one metric and its rise, such as temperature=25");
  if (!fire.region.empty() && !fire.sensor.empty()) return Failure("give region or sensor, not both");
  return fire;
}

Result<MetricModel> parse_metric(const std::string& text) {
  const auto pairs = split_pairs(text);
  if (!pairs) return Failure(pairs.error());
  const auto named = std::ranges::find(*pairs, "name", [](const auto& pair) { return pair.first; });
  if (named == pairs->end()) return Failure("needed is name=...; baseline, noise, min and unit are optional");
  MetricModel model = metric_model(named->second);
  const KeySetters setters{
      {"name", name_to(model.name)},
      {"baseline", number_to(model.baseline)},
      {"noise", number_to(model.noise)},
      {"min", [&](const std::string& value) { return store(parse_number(value), model.minimum.emplace()); }},
      {"unit", [&](const std::string& value) { return set_unit(model.unit, value); }}};
  auto applied = apply_keys(text, setters, refuse_others("name, baseline, noise, min and unit"));
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
