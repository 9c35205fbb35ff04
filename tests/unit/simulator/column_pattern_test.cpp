#include "simulator/column_pattern.h"

#include <catch2/catch.hpp>

using namespace lookout;

namespace {

std::string matched(const std::string& pattern, const std::string& name) {
  const auto names = ColumnPattern::parse(pattern).value().match(name);
  if (!names) return "no";
  const auto text = [](const auto& part) { return part ? std::string(*part) : std::string("-"); };
  return text(names->region) + "|" + text(names->sensor) + "|" + text(names->metric);
}

}  // namespace

TEST_CASE("captures take as little as they can, the last one takes the rest") {
  CHECK(matched("Quadrant {region} {metric} {sensor}", "Quadrant A Temperature 25 mm Below Ceiling") ==
        "A|25 mm Below Ceiling|Temperature");
  CHECK(matched("{sensor}", "anything at all") == "-|anything at all|-");
  CHECK(matched("{region}/{sensor}", "a/b/c") == "a|b/c|-");
  CHECK(matched("{sensor} of {region} end", "x of y of z end end") == "y of z end|x|-");
}

TEST_CASE("a capture takes at least one character") {
  CHECK(matched("{region}-{sensor}", "--b") == "-|b|-");
  CHECK(matched("{region}-{sensor}", "-b") == "no");
  CHECK(matched("{region}-{sensor}", "a-") == "no");
  CHECK(matched("x{sensor}x", "xx") == "no");
  CHECK(matched("x{sensor}x", "x") == "no");
}

TEST_CASE("a name that differs in the text between captures does not fit") {
  CHECK(matched("Quadrant {sensor}", "quadrant A") == "no");
  CHECK(matched("{sensor} degC", "T1 degF") == "no");
}

TEST_CASE("a pattern that cannot work is refused with what is accepted") {
  const auto error = [](const char* text) { return ColumnPattern::parse(text).error(); };
  CHECK_THAT(error("Quadrant {region}"), Catch::Contains("must hold {sensor}"));
  CHECK_THAT(error("{sensor} {room}"), Catch::Contains("accepted are {region}, {sensor} and {metric}"));
  CHECK_THAT(error("{sensor} {sensor}"), Catch::Contains("twice"));
  CHECK_THAT(error("{region}{sensor}"), Catch::Contains("text is needed before {sensor}"));
  CHECK_THAT(error("{sensor"), Catch::Contains("without '}'"));
}

TEST_CASE("captured text becomes a valid name") {
  CHECK(clean_name("25 mm Below Ceiling") == "25-mm-below-ceiling");
  CHECK(clean_name("0.3 m  (left)/right") == "0.3-m-left-right");
  CHECK(clean_name("T\xC3\xA9mp") == "t-mp");
  CHECK(clean_name("a--b - c") == "a-b-c");
  CHECK(clean_name(std::string(70, 'x')) == std::string(64, 'x'));
}
