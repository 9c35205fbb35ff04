#include "common/codec_json.h"

namespace lookout {
namespace {

constexpr std::size_t kLongestUnit = 64;  // a longer one counts as absent

}  // namespace

std::expected<Payload, Refusal> decode_lookout(std::string_view payload, const InputConfig& /*input*/) {
  const auto document = parse_json_object(payload);
  if (!document) return std::unexpected(document.error());
  Payload result;
  if (auto stamps = read_stamps(*document, result); !stamps)
    return std::unexpected(std::move(stamps.error()));
  const auto value = document->find("value");
  if (value == document->end() || value->is_null()) {
    return std::unexpected(Refusal{Reason::no_value, "there is no \"value\"", {}});
  }
  std::string unit;
  if (const auto found = document->find("unit"); found != document->end() && found->is_string()) {
    unit = found->get<std::string>();
    if (unit.size() > kLongestUnit) unit.clear();
  }
  result.values.push_back({{}, std::move(unit), judge_number(*value, {})});
  return result;
}

}  // namespace lookout
