#include "gateway/json_fields.h"

#include <fmt/format.h>
#include <utf8.h>

namespace lookout {

using nlohmann::json;

Result<json> parse_object(std::string_view text) {
  try {
    auto object = json::parse(text);
    if (object.is_object()) return object;
    return Failure(fmt::format("expected a JSON object, got {}", object.type_name()));
  } catch (const json::out_of_range&) {
    return Failure("a number is beyond what a double can hold");
  } catch (const json::parse_error& error) {
    if (!utf8::is_valid(text.begin(), text.end())) return Failure("not UTF-8");
    return Failure(fmt::format("not JSON at byte {}", error.byte));
  }
}

Result<std::string> read_text(const json& object, const char* key) {
  const auto text = object.find(key);
  if (text == object.end()) return Failure(fmt::format("there is no {}", key));
  if (!text->is_string()) return Failure(fmt::format("{} is not text but {}", key, text->type_name()));
  return text->get<std::string>();
}

Result<Timestamp> read_time(const json& object, const char* key) {
  const auto text = read_text(object, key);
  if (!text) return Failure(text.error());
  auto time = parse_rfc3339(*text);
  return time ? time : Failure(fmt::format("{}: {}", key, time.error()));
}

Result<bool> read_flag(const json& object, const char* key) {
  const auto flag = object.find(key);
  if (flag == object.end()) return false;
  if (flag->is_boolean()) return flag->get<bool>();
  if (*flag == 0 || *flag == 1) return *flag == 1;
  return Failure(fmt::format("{} is none of true, false, 1 and 0", key));
}

}  // namespace lookout
