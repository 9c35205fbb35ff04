#include "common/payload_json.h"

#include <openssl/evp.h>
#include <utf8.h>

#include <string>

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

}  // namespace

void add_payload(nlohmann::ordered_json& object, std::string_view payload) {
  if (utf8::is_valid(payload.begin(), payload.end())) {
    object["payload"] = payload;
  } else {
    object["payload_base64"] = base64(payload);
  }
}

std::string_view cut_payload(std::string_view payload, std::size_t limit) {
  if (payload.size() <= limit) return payload;
  std::string_view cut = payload.substr(0, limit);
  const auto valid = static_cast<std::size_t>(utf8::find_invalid(cut.begin(), cut.end()) - cut.begin());
  // A split character is at most three bytes; more that is invalid was never UTF-8.
  return cut.size() - valid <= 3 ? cut.substr(0, valid) : cut;
}

}  // namespace lookout
