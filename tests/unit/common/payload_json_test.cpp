#include "common/payload_json.h"

#include <catch2/catch.hpp>

using namespace lookout;

namespace {
std::string rendered(std::string_view payload) {
  nlohmann::ordered_json object;
  add_payload(object, payload);
  return object.dump();
}
}  // namespace

TEST_CASE("a payload is its exact text, or base64 where it is not UTF-8") {
  CHECK(rendered("{\"a\":1}\n") == R"({"payload":"{\"a\":1}\n"})");
  CHECK(rendered(std::string_view("a\0b", 3)) == "{\"payload\":\"a\\u0000b\"}");
  CHECK(rendered("\xff\x00\x01") == R"({"payload_base64":"/w=="})");
  CHECK(rendered(std::string_view("\xff\x00\x01", 3)) == R"({"payload_base64":"/wAB"})");
  CHECK(rendered("") == R"({"payload":""})");
}

TEST_CASE("what was added is read back, byte for byte") {
  for (std::size_t size = 0; size < 50; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(0xFF - i * 7);
    nlohmann::ordered_json object;
    add_payload(object, bytes);
    CHECK(read_payload(object) == bytes);
  }
}

TEST_CASE("a payload that is not there or no base64 is refused with a sentence") {
  const auto why = [](const std::string& text) { return read_payload(nlohmann::json::parse(text)).error(); };
  CHECK(why("{}") == "there is neither payload nor payload_base64");
  CHECK(why(R"({"payload":{"a":1}})") == "payload is not text but object");
  for (const std::string encoded : {R"("/w=")", R"("/w")", R"("=")", R"("/w==/w==")", R"("/x==")",
                                    R"("/w==\n")", R"("/ w=")", "7", "null"}) {
    CAPTURE(encoded);
    CHECK(why(R"({"payload_base64":)" + encoded + "}") == "payload_base64 is not base64");
  }
}

TEST_CASE("a cut does not split a character") {
  CHECK(cut_payload("abc", 10) == "abc");
  CHECK(cut_payload("abcdef", 3) == "abc");
  CHECK(cut_payload("ab\xE2\x82\xAC", 4) == "ab");
  CHECK(cut_payload("ab\xE2\x82\xAC"
                    "d",
                    5) == "ab\xE2\x82\xAC");
  CHECK(cut_payload("\xff\xff\xff\xff\xff\xff", 5) == "\xff\xff\xff\xff\xff");
}
