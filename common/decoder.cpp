#include "common/decoder.h"

#include <fmt/format.h>

#include <cmath>

#include "common/names.h"

namespace lookout {
namespace {

constexpr std::string_view kUnnamed = "default";  // network or region that neither topic nor payload names
constexpr std::string_view kUnnamedMetric = "value";
// Squares of such values, a hundred million of them, still add up to a double: no sensor can make a mean
// infinite.
constexpr double kLargestValue = 1e150;

// The topic's name wins over the payload's; what neither gives is `fallback`.
std::string_view choose(std::optional<std::string_view> from_topic, std::string_view from_payload,
                        std::string_view fallback) {
  if (from_topic) return *from_topic;
  return from_payload.empty() ? fallback : from_payload;
}

Refusal bad_name(std::string_view what, std::string_view name) {
  return {Reason::bad_name, fmt::format("{} '{}' is not a name: accepted are {}", what, name, kNameRule), {}};
}

}  // namespace

Decoder::Decoder(std::vector<InputConfig> inputs, const LimitsConfig& limits)
    : inputs_(std::move(inputs)), limits_(limits), series_(limits.max_series) {}

void Decoder::reconfigure(std::vector<InputConfig> inputs, const LimitsConfig& limits) {
  inputs_ = std::move(inputs);
  limits_ = limits;
  series_.limit(limits.max_series);
}

Decoder::Parsed Decoder::parse(const MessageView& message) const {
  for (const InputConfig& input : inputs_) {
    const auto names = input.topic.match(message.topic);
    if (!names) continue;
    if (message.cut || message.payload.size() > limits_.message_size) {
      return std::unexpected(
          Refusal{Reason::too_large,
                  fmt::format("the payload is over {} bytes (limits.message_size)", limits_.message_size),
                  {}});
    }
    auto payload = codec_for(input.codec)(message.payload, input);
    if (!payload) return std::unexpected(std::move(payload.error()));
    return Content{&input, *names, std::move(*payload)};
  }
  return std::unexpected(Refusal{Reason::no_input, "the topic fits no [[input]]", {}});
}

void Decoder::decode(const MessageView& message, Parsed& parsed, Result& result) {
  result.readings.clear();
  result.refusals.clear();
  if (!parsed) return result.refusals.push_back(std::move(parsed.error()));
  for (Payload::Value& value : parsed->payload.values) decode_value(message, *parsed, value, result);
}

void Decoder::decode_value(const MessageView& message, const Content& content, Payload::Value& value,
                           Result& result) {
  const auto& [input, names, payload] = content;
  const std::string metric(choose(names.metric, value.metric, kUnnamedMetric));
  const auto refuse = [&](Refusal refusal) {
    refusal.metric = metric;
    result.refusals.push_back(std::move(refusal));
  };
  if (!value.number) return refuse(std::move(value.number.error()));
  Reading reading;
  reading.value = *value.number * input->scale.of(metric) + input->offset.of(metric);
  if (!(std::abs(reading.value) <= kLargestValue)) {
    return refuse({Reason::not_a_number, "the calibrated value is beyond 1e150", {}});
  }
  auto series = find_series(content, metric);
  if (!series) return refuse(std::move(series.error()));
  reading.series = *series;
  reading.event_time = payload.event_time.value_or(message.arrival);
  reading.time_is_arrival = !payload.event_time;
  reading.seq = payload.seq;
  reading.boot = payload.boot;
  reading.unit = std::move(value.unit);
  if (const auto unit = input->units.find(metric); reading.unit.empty() && unit != input->units.end()) {
    reading.unit = unit->second;
  }
  const Identity& hash = series_[*series].hash;
  reading.identity_is_by_name = payload.named_identity.has_value();
  // By the value as it came: what is delivered again is a repeat under another calibration too.
  reading.identity = payload.named_identity
                         ? identify(hash, *payload.named_identity)
                         : identify(hash, payload.event_time, *value.number, reading.seq, reading.boot);
  reading.identity_has_time = payload.event_time && !payload.named_identity;
  if (message.retain && !reading.identity) return;
  result.readings.push_back(std::move(reading));
}

std::expected<SeriesId, Refusal> Decoder::find_series(const Content& content, const std::string& metric) {
  const auto& [input, names, payload] = content;
  const std::string_view network = choose(names.network, payload.network, kUnnamed);
  const std::string_view region = choose(names.region, payload.region, kUnnamed);
  const std::string_view sensor = choose(names.sensor, payload.sensor, {});
  if (const auto known = series_.find(network, region, sensor, metric)) return *known;
  for (const auto& [what, name] : {std::pair<std::string_view, std::string_view>{"network", network},
                                   {"region", region},
                                   {"sensor", sensor},
                                   {"metric", metric}}) {
    if (!is_valid_name(name)) return std::unexpected(bad_name(what, name));
  }
  if (const auto id = series_.intern(network, region, sensor, metric)) return *id;
  return std::unexpected(
      Refusal{Reason::too_many_series,
              fmt::format("there are {} series already (limits.max_series)", series_.size()),
              {}});
}

}  // namespace lookout
