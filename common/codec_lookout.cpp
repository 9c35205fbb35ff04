#include "common/codec_json.h"

namespace lookout {
namespace {

constexpr std::size_t kLongestUnit = 64;  // a longer one counts as absent

}  // namespace

std::expected<Payload, Refusal> decode_lookout(std::string_view payload, const InputConfig& /*input*/) {
  const auto fields = parse_json_fields(payload);
  if (!fields) return std::unexpected(fields.error());
  Payload result;
  if (auto stamps = read_stamps(*fields, result); !stamps) return std::unexpected(std::move(stamps.error()));
  const nlohmann::json* const value = fields->find("value");
  if (!value || value->is_null())
    return std::unexpected(Refusal{Reason::no_value, "there is no \"value\"", {}});
  std::string unit;
  if (const nlohmann::json* found = fields->find("unit"); found && found->is_string()) {
    unit = found->get<std::string>();
    if (unit.size() > kLongestUnit) unit.clear();
  }
  result.values.push_back({{}, std::move(unit), judge_number(*value, {})});
  return result;
}

}  // namespace lookout
