#include "common/codec_json.h"

namespace lookout {
namespace {

// A name that is there but no text must not pass for an absent one: its type, in a form that is no name,
// fails validation later. (Writing it out would recurse as deep as somebody cares to nest.)
std::string read_name(const JsonFields& fields, std::string_view name) {
  const nlohmann::json* const found = fields.find(name);
  if (!found || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : '(' + std::string(found->type_name()) + ')';
}

}  // namespace

std::expected<Payload, Refusal> decode_flat(std::string_view payload, const InputConfig& input) {
  const auto fields = parse_json_fields(payload);
  if (!fields) return std::unexpected(fields.error());
  Payload result;
  if (auto stamps = read_stamps(*fields, result); !stamps) return std::unexpected(std::move(stamps.error()));
  result.sensor = read_name(*fields, "sensor_id");
  result.region = read_name(*fields, "region");
  result.network = read_name(*fields, "network");
  for (const auto& [metric, field] : input.metrics) {
    const nlohmann::json* const value = fields->find(field);
    if (!value || value->is_null()) continue;
    result.values.push_back({metric, {}, judge_number(*value, metric)});
  }
  if (result.values.empty()) {
    return std::unexpected(
        Refusal{Reason::no_value, "none of the fields named by the input's metrics is there", {}});
  }
  return result;
}

}  // namespace lookout
