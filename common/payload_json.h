#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace lookout {

/// Adds a message's payload to a JSON object: `payload`, the exact text, or `payload_base64` where it is not
/// UTF-8.
void add_payload(nlohmann::ordered_json& object, std::string_view payload);

/// The first `limit` bytes of a payload, less the beginning of a character that the cut would split.
std::string_view cut_payload(std::string_view payload, std::size_t limit);

}  // namespace lookout
