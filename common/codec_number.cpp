#include <utility>

#include "common/codec_json.h"

namespace lookout {

std::expected<Payload, Refusal> decode_number(std::string_view payload, const InputConfig& /*input*/) {
  const auto document = parse_json(payload);
  if (!document) return std::unexpected(document.error());
  if (document->is_null()) return std::unexpected(Refusal{Reason::no_value, "the payload is null", {}});
  Payload result;
  result.values.push_back({{}, {}, judge_number(*document, {})});
  return result;
}

Codec codec_for(CodecKind kind) {
  switch (kind) {
    case CodecKind::lookout:
      return decode_lookout;
    case CodecKind::flat:
      return decode_flat;
    case CodecKind::number:
      return decode_number;
    case CodecKind::json:
      return decode_json;
  }
  std::unreachable();
}

}  // namespace lookout
