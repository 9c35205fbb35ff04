#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config.h"
#include "common/reading.h"

namespace lookout {

/// What a codec finds in one payload. Names and values are as the sensor wrote them: not validated, not
/// calibrated.
struct Payload {
  struct Value {
    std::string metric;  ///< empty: the topic names it
    std::string unit;
    std::expected<double, Refusal> number;
  };
  std::optional<Timestamp> event_time;
  std::optional<std::uint64_t> seq;
  std::string boot;
  std::string network, region, sensor;  ///< empty where the payload does not say; the topic's names win
  std::vector<Value> values;            ///< at least one
  /// The hash of what the input's pointers name as identity. Nothing: the usual rule holds.
  std::optional<Identity> named_identity;
};

/// A codec turns a payload into values, or refuses the message as a whole. Pure; safe to call from any
/// thread.
using Codec = std::expected<Payload, Refusal> (*)(std::string_view payload, const InputConfig& input);

/// {"event_time":1790000000.123,"value":22.53,"unit":"Cel","seq":123,"boot":"a1"}; only value is required.
std::expected<Payload, Refusal> decode_lookout(std::string_view payload, const InputConfig& input);

/// {"sensor_id":"sensor-000","region":"north","event_time":1790000000.1,"temperature_c":22.53}: input.metrics
/// names the fields that are values; seq and boot as in codec lookout.
std::expected<Payload, Refusal> decode_flat(std::string_view payload, const InputConfig& input);

/// Any JSON: the input's pointers say where the values, the time, seq and the identity stand. A value that is
/// absent or null is no reading; none is no_value. An absent or null time is no time; one that is not in the
/// input's format refuses the message.
std::expected<Payload, Refusal> decode_json(std::string_view payload, const InputConfig& input);

/// 22.53: the arrival is the event time.
std::expected<Payload, Refusal> decode_number(std::string_view payload, const InputConfig& input);

Codec codec_for(CodecKind kind);

}  // namespace lookout
