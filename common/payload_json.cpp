#include "common/payload_json.h"

#include <openssl/evp.h>
#include <utf8.h>

#include <optional>
#include <string>
#include <utility>

namespace lookout {
namespace {

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

// OpenSSL is lenient; what it reads counts only if it would write the same.
std::optional<std::string> from_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return base64(bytes) == text ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace

void add_payload(nlohmann::ordered_json& object, std::string_view payload) {
  if (utf8::is_valid(payload.begin(), payload.end())) {
    object["payload"] = payload;
  } else {
    add_payload_base64(object, payload);
  }
}

void add_payload_base64(nlohmann::ordered_json& object, std::string_view payload) {
  object["payload_base64"] = base64(payload);
}

Result<std::string> read_payload(const nlohmann::json& object) {
  if (const auto text = object.find("payload"); text != object.end()) {
    if (text->is_string()) return text->get<std::string>();
    return Failure(std::string("payload is not text but ") + text->type_name());
  }
  const auto encoded = object.find("payload_base64");
  if (encoded == object.end()) return Failure("there is neither payload nor payload_base64");
  if (encoded->is_string()) {
    if (auto bytes = from_base64(encoded->get_ref<const std::string&>())) return std::move(*bytes);
  }
  return Failure("payload_base64 is not base64");
}

std::string_view cut_payload(std::string_view payload, std::size_t limit) {
  if (payload.size() <= limit) return payload;
  std::string_view cut = payload.substr(0, limit);
  const auto valid = static_cast<std::size_t>(utf8::find_invalid(cut.begin(), cut.end()) - cut.begin());
  // A split character is at most three bytes; more that is invalid was never UTF-8.
  return cut.size() - valid <= 3 ? cut.substr(0, valid) : cut;
}

}  // namespace lookout
