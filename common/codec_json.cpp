#include "common/codec_json.h"

#include <fmt/format.h>
#include <utf8.h>

#include <limits>
#include <optional>
#include <ranges>

namespace lookout {
namespace {

using nlohmann::json;

std::unexpected<Refusal> refuse(Reason reason, std::string detail, std::string_view metric = {}) {
  return std::unexpected(Refusal{reason, std::move(detail), std::string(metric)});
}

std::unexpected<Refusal> refuse_json(std::string_view payload, std::size_t byte) {
  if (!utf8::is_valid(payload.begin(), payload.end()))
    return refuse(Reason::not_utf8, "the payload is not UTF-8");
  return refuse(Reason::not_json, fmt::format("not JSON at byte {}", byte));
}

std::unexpected<Refusal> refuse_number() {
  return refuse(Reason::not_a_number, "a number is beyond what a double can hold");
}

/// Hears the events of nlohmann's parser, and builds no tree of them. `bool` is whether to go on.
class FieldsReader {
 public:
  bool null() { return take(nullptr); }
  bool boolean(bool value) { return take(value); }
  bool number_integer(std::int64_t value) { return take(value); }
  bool number_unsigned(std::uint64_t value) { return take(value); }
  bool number_float(double value, const std::string& /*text*/) { return take(value); }
  bool string(std::string& value) { return depth_ > 1 || take(value); }
  static bool binary(const json::binary_t& /*bytes*/) { return false; }  // not in JSON text
  bool key(const std::string& name) {
    if (depth_ == 1) name_ = name;
    return true;
  }
  bool start_object(std::size_t /*size*/) { return begin(json::value_t::object); }
  bool start_array(std::size_t /*size*/) { return begin(json::value_t::array); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool parse_error(std::size_t byte, const std::string& /*token*/, const json::exception& error) {
    failed_at_ = byte;
    is_beyond_double_ = dynamic_cast<const json::out_of_range*>(&error) != nullptr;
    return false;
  }

  std::expected<JsonFields, Refusal> result(std::string_view payload) && {
    if (is_beyond_double_) return refuse_number();
    if (failed_at_) return refuse_json(payload, *failed_at_);
    if (!is_object_)
      return refuse(Reason::no_value, fmt::format("expected a JSON object, got {}", whole_.type_name()));
    return std::move(fields_);
  }

 private:
  bool take(json value) {
    if (depth_ == 0) {
      whole_ = std::move(value);
    } else if (depth_ == 1 && is_object_) {
      fields_.add(std::move(name_), std::move(value));
    }
    return true;
  }
  bool begin(json::value_t type) {
    if (depth_ == 0) is_object_ = type == json::value_t::object;
    if (depth_ == 1 || !is_object_) take(type);
    ++depth_;
    return true;
  }
  bool end() {
    --depth_;
    return true;
  }

  JsonFields fields_;
  bool is_object_ = false;
  json whole_;  // where it is not; of an array its type
  std::string name_;
  std::size_t depth_ = 0;
  std::optional<std::size_t> failed_at_;
  bool is_beyond_double_ = false;
};

}  // namespace

std::expected<json, Refusal> parse_json(std::string_view payload) {
  try {
    return json::parse(payload);
  } catch (const json::out_of_range& error) {
    return refuse_number();
  } catch (const json::parse_error& error) {
    return refuse_json(payload, error.byte);
  }
}

const json* JsonFields::find(std::string_view name) const {
  for (const auto& [known, value] : std::views::reverse(fields_)) {
    if (known == name) return &value;
  }
  return nullptr;
}

std::expected<JsonFields, Refusal> parse_json_fields(std::string_view payload) {
  FieldsReader reader;
  json::sax_parse(payload, &reader);
  return std::move(reader).result(payload);
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

std::expected<void, Refusal> read_stamps(const JsonFields& fields, Payload& payload) {
  if (const json* time = fields.find("event_time"); time && !time->is_null()) {
    Result<Timestamp> parsed = Failure("event_time is neither epoch seconds nor RFC 3339 text");
    if (time->is_number()) parsed = from_epoch_seconds(time->get<double>());
    if (time->is_string()) parsed = parse_rfc3339(time->get_ref<const std::string&>());
    if (!parsed) return refuse(Reason::bad_time, std::move(parsed.error()));
    payload.event_time = *parsed;
  }
  if (const json* seq = fields.find("seq")) payload.seq = read_seq(*seq);
  if (const json* boot = fields.find("boot")) {
    if (boot->is_string()) payload.boot = boot->get<std::string>();
    if (boot->is_number()) payload.boot = boot->dump();
    if (payload.boot.size() > 64) payload.boot.clear();
  }
  return {};
}

}  // namespace lookout
