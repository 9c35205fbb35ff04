#include "common/codec_json.h"

#include <fmt/format.h>
#include <utf8.h>

#include <limits>

namespace lookout {
namespace {

using nlohmann::json;

std::unexpected<Refusal> refuse(Reason reason, std::string detail, std::string_view metric = {}) {
  return std::unexpected(Refusal{reason, std::move(detail), std::string(metric)});
}

}  // namespace

std::expected<json, Refusal> parse_json(std::string_view payload) {
  try {
    return json::parse(payload);
  } catch (const json::out_of_range& error) {
    return refuse(Reason::not_a_number, "a number is beyond what a double can hold");
  } catch (const json::parse_error& error) {
    if (!utf8::is_valid(payload.begin(), payload.end()))
      return refuse(Reason::not_utf8, "the payload is not UTF-8");
    return refuse(Reason::not_json, fmt::format("not JSON at byte {}", error.byte));
  }
}

std::expected<json, Refusal> parse_json_object(std::string_view payload) {
  auto document = parse_json(payload);
  if (document && !document->is_object()) {
    return refuse(Reason::no_value, fmt::format("expected a JSON object, got {}", document->type_name()));
  }
  return document;
}

std::expected<double, Refusal> judge_number(const json& value, std::string_view metric) {
  if (!value.is_number()) {
    return refuse(Reason::not_a_number, fmt::format("expected a number, got {}", value.type_name()), metric);
  }
  return value.get<double>();
}

std::optional<std::uint64_t> read_seq(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return number;
}

std::expected<void, Refusal> read_stamps(const json& object, Payload& payload) {
  if (const auto time = object.find("event_time"); time != object.end() && !time->is_null()) {
    Result<Timestamp> parsed = Failure("event_time is neither epoch seconds nor RFC 3339 text");
    if (time->is_number()) parsed = from_epoch_seconds(time->get<double>());
    if (time->is_string()) parsed = parse_rfc3339(time->get_ref<const std::string&>());
    if (!parsed) return refuse(Reason::bad_time, std::move(parsed.error()));
    payload.event_time = *parsed;
  }
  if (const auto seq = object.find("seq"); seq != object.end()) payload.seq = read_seq(*seq);
  if (const auto boot = object.find("boot"); boot != object.end()) {
    if (boot->is_string()) payload.boot = boot->get<std::string>();
    if (boot->is_number()) payload.boot = boot->dump();
    if (payload.boot.size() > 64) payload.boot.clear();
  }
  return {};
}

}  // namespace lookout
