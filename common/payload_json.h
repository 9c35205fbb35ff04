#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"

namespace lookout {

/// Adds a message's payload to a JSON object: `payload`, the exact text, or `payload_base64` where it is not
/// UTF-8.
void add_payload(nlohmann::ordered_json& object, std::string_view payload);

/// Adds it as `payload_base64` whatever it is: text that is mostly control characters is a sixth of what it
/// is escaped.
void add_payload_base64(nlohmann::ordered_json& object, std::string_view payload);

/// The payload that one of these put into an object, byte for byte. Fails with a sentence when there is
/// none, or one that is neither text nor base64 (RFC 4648 section 4, padded).
Result<std::string> read_payload(const nlohmann::json& object);

/// The first `limit` bytes of a payload, less the beginning of a character that the cut would split.
std::string_view cut_payload(std::string_view payload, std::size_t limit);

}  // namespace lookout
