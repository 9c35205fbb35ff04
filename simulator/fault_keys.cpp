#include "simulator/fault_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/duration.h"
#include "simulator/key_setters.h"
#include "simulator/key_values.h"

namespace lookout {
namespace {

constexpr double kSecondsPerDay = 86'400;
constexpr double kSlowest = 0.001, kFastest = 1'000'000;  // readings per second

Result<void> skip_kind(const std::string&) { return {}; }  // it was read before the others

KeySetter share_to(std::optional<double>& target) {
  return [&target](const std::string& value) -> Result<void> {
    auto stored = store(parse_share(value), target.emplace());
    if (stored && *target == 0) return Failure("accepted are numbers above 0, at most 1");
    return stored;
  };
}

KeySetters scope_setters(FaultScope& scope) {
  return {{"kind", skip_kind},
          {"sensor", name_to(scope.sensor)},
          {"region", name_to(scope.region)},
          {"share", share_to(scope.share)},
          {"start", duration_to(scope.start)}};
}

// The keys are those of the scope and those of the kind.
Result<void> apply_scoped(const std::string& text, FaultScope& scope, KeySetters setters) {
  setters.merge(scope_setters(scope));
  std::vector<std::string> keys;
  for (const auto& [key, setter] : setters) keys.push_back(key);
  auto applied = apply_keys(text, setters, refuse_others(fmt::format("{}", fmt::join(keys, ", "))));
  if (!applied) return applied;
  if (!scope.sensor.empty() + !scope.region.empty() + scope.share.has_value() > 1) {
    return Failure("accepted is one of sensor, region and share");
  }
  return {};
}

Result<Fault> parse_spike(const std::string& text) {
  Spike spike;
  const KeySetters setters{
      {"kind", skip_kind},
      {"share", [&](const std::string& value) { return store(parse_share(value), spike.share); }},
      {"amount", number_to(spike.amount)},
      {"metric", name_to(spike.metric)}};
  auto applied = apply_keys(text, setters, refuse_others("kind, share, amount and metric"));
  if (!applied) return Failure(applied.error());
  if (spike.share > 0 && spike.amount != 0) return spike;
  return Failure("needed are share (above 0, at most 1) and amount (not 0); metric is optional");
}

Result<UploadOrder> parse_order(const std::string& text) {
  if (text == "oldest") return UploadOrder::oldest;
  if (text == "newest") return UploadOrder::newest;
  return Failure(
      fmt::format("'{}' is not an order: accepted are oldest and newest (which is sent first)", text));
}

Result<double> parse_rate(const std::string& text) {
  auto rate = parse_number(text);
  if (!rate || (*rate >= kSlowest && *rate <= kFastest)) return rate;
  return Failure(fmt::format("accepted are {} to {} readings per second", kSlowest, kFastest));
}

Result<Fault> parse_offline(const std::string& text) {
  Outage outage;
  FaultScope& scope = outage.scope;
  auto applied = apply_scoped(
      text, scope,
      {{"duration", positive_duration_to(scope.duration)},
       {"every", positive_duration_to(scope.every)},
       {"order", [&](const std::string& value) { return store(parse_order(value), outage.order); }},
       {"rate", [&](const std::string& value) { return store(parse_rate(value), outage.rate); }}});
  if (!applied) return Failure(applied.error());
  if (scope.duration == Microseconds{0}) return Failure("needed is duration, such as 1h");
  if (scope.every > Microseconds{0} && scope.every <= scope.duration) {
    return Failure("every: accepted are durations longer than duration, or the sensors would never return");
  }
  return outage;
}

Result<Microseconds> parse_offset(const std::string& text) {
  const bool behind = text.starts_with('-');
  const auto size = parse_duration(text.substr(behind ? 1 : 0));
  if (size && *size > Microseconds{0}) return behind ? -*size : *size;
  return Failure(
      fmt::format("'{}' is not an offset: accepted are 1d (ahead), -2h (behind) and the like", text));
}

Result<bool> parse_true(const std::string& text) {
  if (text == "true") return true;
  return Failure(fmt::format("'{}' is not known: accepted is true", text));
}

Result<double> parse_drift(const std::string& text) {
  auto drift = parse_number(text);
  if (!drift || (*drift != 0 && std::abs(*drift) <= kSecondsPerDay)) return drift;
  return Failure("accepted are -86400 to 86400 seconds per day, and not 0");
}

Result<Fault> parse_clock(const std::string& text) {
  WrongClock clock;
  auto applied = apply_scoped(
      text, clock.scope,
      {{"duration", positive_duration_to(clock.scope.duration)},
       {"offset", [&](const std::string& value) { return store(parse_offset(value), clock.offset); }},
       {"flap", positive_duration_to(clock.flap)},
       {"reset", [&](const std::string& value) { return store(parse_true(value), clock.reset); }},
       {"drift", [&](const std::string& value) { return store(parse_drift(value), clock.drift); }}});
  if (!applied) return Failure(applied.error());
  const bool has_offset = clock.offset != Microseconds{0};
  if (has_offset + clock.reset + (clock.drift != 0) != 1) {
    return Failure("needed is one of offset=1d, reset=true and drift=50 (seconds per day)");
  }
  if (clock.flap > Microseconds{0} && !has_offset) return Failure("flap: accepted only with offset");
  return clock;
}

Result<Fault> parse_stuck(const std::string& text) {
  StuckValue stuck;
  auto applied = apply_scoped(
      text, stuck.scope,
      {{"duration", positive_duration_to(stuck.scope.duration)}, {"metric", name_to(stuck.metric)}});
  if (!applied) return Failure(applied.error());
  return stuck;
}

Result<Fault> parse_reboot(const std::string& text) {
  Reboot reboot;
  FaultScope& scope = reboot.scope;
  auto applied = apply_scoped(
      text, scope,
      {{"start", positive_duration_to(scope.start)}, {"every", positive_duration_to(scope.every)}});
  if (!applied) return Failure(applied.error());
  // Nobody sees a reboot at 0.
  if (scope.start == Microseconds{0}) scope.start = scope.every;
  if (scope.start == Microseconds{0}) return Failure("needed is start=1h, every=6h or both");
  return reboot;
}

// In order of share.
Result<void> check_quantiles(const std::vector<Delay::Quantile>& quantiles) {
  const auto equal = [](const auto& a, const auto& b) { return a.share == b.share; };
  const auto not_longer = [](const auto& a, const auto& b) { return a.within >= b.within; };
  if (std::ranges::adjacent_find(quantiles, equal) != quantiles.end())
    return Failure("accepted is one duration for each percentage");
  if (std::ranges::adjacent_find(quantiles, not_longer) != quantiles.end())
    return Failure("accepted are durations that grow with the percentage, max the longest of them");
  return {};
}

Result<Delay::Quantile> parse_quantile(const std::string& key, const std::string& value) {
  const auto percent = parse_number(key.substr(1));
  if (!key.starts_with('p') || !percent || *percent <= 0 || *percent >= 100) {
    return Failure(
        "not known; accepted are kind, max, and p80, p99.9 or any other percentage between 0 and 100");
  }
  Delay::Quantile quantile{*percent / 100, {}};
  if (auto stored = positive_duration_to(quantile.within)(value); !stored) return Failure(stored.error());
  return quantile;
}

Result<Fault> parse_delay(const std::string& text) {
  Delay delay;
  Delay::Quantile longest{1, {}};
  const auto add = [&](const std::string& key, const std::string& value) {
    return store(parse_quantile(key, value), delay.quantiles.emplace_back());
  };
  auto applied = apply_keys(text, {{"kind", skip_kind}, {"max", positive_duration_to(longest.within)}}, add);
  if (!applied) return Failure(applied.error());
  if (longest.within == Microseconds{0})
    return Failure("needed is max, such as 6h; p80=10s and others are optional");
  delay.quantiles.push_back(longest);
  std::ranges::sort(delay.quantiles, {}, &Delay::Quantile::share);
  if (auto checked = check_quantiles(delay.quantiles); !checked) return Failure(checked.error());
  return delay;
}

using Parse = Result<Fault> (*)(const std::string&);
const std::map<std::string, Parse> kKinds{{"spike", parse_spike},   {"offline", parse_offline},
                                          {"clock", parse_clock},   {"stuck", parse_stuck},
                                          {"reboot", parse_reboot}, {"delay", parse_delay}};

}  // namespace

Result<Fault> parse_fault(const std::string& text) {
  const auto pairs = split_pairs(text);
  if (!pairs) return Failure(pairs.error());
  const auto named = std::ranges::find(*pairs, "kind", [](const auto& pair) { return pair.first; });
  constexpr const char* kAccepted = "spike, offline, clock, stuck, reboot and delay";
  if (named == pairs->end()) return Failure(fmt::format("needed is kind=...: accepted are {}", kAccepted));
  const auto kind = kKinds.find(named->second);
  if (kind == kKinds.end()) {
    return Failure(fmt::format(
        "kind: '{}' is not known; accepted are {} (duplicates, reordering and losses have options "
        "of their own)",
        named->second, kAccepted));
  }
  auto fault = kind->second(text);
  if (!fault) return Failure(fmt::format("kind={}: {}", kind->first, fault.error()));
  return fault;
}

}  // namespace lookout
