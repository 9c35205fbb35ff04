#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/codec.h"

namespace lookout {

/// Parses a payload as JSON; refuses with not_json, not_utf8 or not_a_number (a number beyond double).
std::expected<nlohmann::json, Refusal> parse_json(std::string_view payload);

/// The fields of an object by name. Of what is nested in one there is the type alone: an empty object or
/// array.
class JsonFields {
 public:
  JsonFields() { fields_.reserve(8); }  // as many as a sensor sends, usually
  /// Nothing where there is none of that name; of several, the last.
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const;
  void add(std::string name, nlohmann::json value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }

 private:
  std::vector<std::pair<std::string, nlohmann::json>> fields_;
};

/// As parse_json(), and refuses what is not an object with no_value. Builds no tree: reading a message is the
/// half of what the pipeline costs.
std::expected<JsonFields, Refusal> parse_json_fields(std::string_view payload);

/// Judges one JSON value as a measurement; `metric` goes into the refusal.
std::expected<double, Refusal> judge_number(const nlohmann::json& value, std::string_view metric);

/// Judges one JSON value as a seq: a whole number from 0 to 2^63-1, or it counts as absent.
std::optional<std::uint64_t> read_seq(const nlohmann::json& value);

/// Reads event_time, seq and boot, by these names. An absent or null event_time is no time;
/// one that is no time refuses the message. A boot that is neither text nor a number, or over 64 bytes,
/// counts as absent.
std::expected<void, Refusal> read_stamps(const JsonFields& fields, Payload& payload);

}  // namespace lookout
