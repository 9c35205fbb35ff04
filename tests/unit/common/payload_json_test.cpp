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

TEST_CASE("a cut does not split a character") {
  CHECK(cut_payload("abc", 10) == "abc");
  CHECK(cut_payload("abcdef", 3) == "abc");
  CHECK(cut_payload("ab\xE2\x82\xAC", 4) == "ab");
  CHECK(cut_payload("ab\xE2\x82\xAC"
                    "d",
                    5) == "ab\xE2\x82\xAC");
  CHECK(cut_payload("\xff\xff\xff\xff\xff\xff", 5) == "\xff\xff\xff\xff\xff");
}
