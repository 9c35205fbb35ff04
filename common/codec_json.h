#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/codec.h"

namespace lookout {

/// Parses a payload as JSON; refuses with not_json, not_utf8 or not_a_number (a number beyond double).
std::expected<nlohmann::json, Refusal> parse_json(std::string_view payload);

/// The same, and refuses what is not an object with no_value.
std::expected<nlohmann::json, Refusal> parse_json_object(std::string_view payload);

/// Judges one JSON value as a measurement; `metric` goes into the refusal.
std::expected<double, Refusal> judge_number(const nlohmann::json& value, std::string_view metric);

/// Judges one JSON value as a seq: a whole number from 0 to 2^63-1, or it counts as absent.
std::optional<std::uint64_t> read_seq(const nlohmann::json& value);

/// Reads event_time, seq and boot, by these names, out of an object. An absent or null event_time is no time;
/// one that is no time refuses the message. A boot that is neither text nor a number, or over 64 bytes,
/// counts as absent.
std::expected<void, Refusal> read_stamps(const nlohmann::json& object, Payload& payload);

}  // namespace lookout
