#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/timestamp.h"

namespace lookout {

/// What is read of JSON objects that speak of messages: recordings and replays. Failures are sentences. Not
/// ordered_json: its objects take quadratic time to read.
Result<nlohmann::json> parse_object(std::string_view text);
Result<std::string> read_text(const nlohmann::json& object, const char* key);
/// RFC 3339.
Result<Timestamp> read_time(const nlohmann::json& object, const char* key);
/// True, false, 1 or 0; where it is absent, false.
Result<bool> read_flag(const nlohmann::json& object, const char* key);

}  // namespace lookout
