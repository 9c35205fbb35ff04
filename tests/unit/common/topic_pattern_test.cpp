#include "common/topic_pattern.h"

#include <catch2/catch.hpp>

#include "common/names.h"

using namespace lookout;

TEST_CASE("a pattern captures the names of a topic and gives the filter to subscribe to") {
  const auto pattern = TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  REQUIRE(pattern.has_value());
  CHECK(pattern->filter() == "sensors/+/+/+/+");
  const auto names = pattern->match("sensors/wildfire/north/s-1/temperature");
  REQUIRE(names.has_value());
  CHECK(names->network == "wildfire");
  CHECK(names->region == "north");
  CHECK(names->sensor == "s-1");
  CHECK(names->metric == "temperature");
  CHECK_FALSE(pattern->match("sensors/wildfire/north/s-1").has_value());
  CHECK_FALSE(pattern->match("sensors/wildfire/north/s-1/temperature/x").has_value());
  CHECK_FALSE(pattern->match("other/wildfire/north/s-1/temperature").has_value());
  CHECK(pattern->match("sensors//north/s-1/temperature")->network == "");
}

TEST_CASE("literals and + stand between captures") {
  const auto pattern = TopicPattern::parse("v3/{network}/devices/{sensor}/+");
  REQUIRE(pattern.has_value());
  CHECK(pattern->filter() == "v3/+/devices/+/+");
  const auto names = pattern->match("v3/ems/devices/a81758/up");
  REQUIRE(names.has_value());
  CHECK(names->sensor == "a81758");
  CHECK_FALSE(names->region.has_value());
}

TEST_CASE("patterns that cannot be meant are refused with the reason") {
  for (const auto& [text, reason] : {std::pair{"sensors/{place}", "'{place}' is no topic level"},
                                     {"sensors/{sensor}/{sensor}", "stands twice"},
                                     {"sensors/#", "no topic level"},
                                     {"sensors//x", "no topic level"},
                                     {"", "no topic level"},
                                     {"{network}/{sensor}", "begins with a wildcard"},
                                     {"+/x", "begins with a wildcard"},
                                     {"alerts/{sensor}", "Lookout's own"},
                                     {"a/b{c", "no topic level"}}) {
    INFO(text);
    const auto pattern = TopicPattern::parse(text);
    REQUIRE_FALSE(pattern.has_value());
    CHECK(pattern.error().find(reason) != std::string::npos);
  }
}

// The examples of MQTT 3.1.1, section 4.7.1.
TEST_CASE("filters match as MQTT says") {
  CHECK(topic_matches("sport/tennis/player1/#", "sport/tennis/player1"));
  CHECK(topic_matches("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
  CHECK(topic_matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  CHECK(topic_matches("sport/#", "sport"));
  CHECK(topic_matches("#", "a/b"));
  CHECK(topic_matches("sport/tennis/+", "sport/tennis/player1"));
  CHECK_FALSE(topic_matches("sport/tennis/+", "sport/tennis/player1/ranking"));
  CHECK_FALSE(topic_matches("sport/+", "sport"));
  CHECK(topic_matches("sport/+", "sport/"));
  CHECK(topic_matches("+/+", "/finance"));
  CHECK(topic_matches("/+", "/finance"));
  CHECK_FALSE(topic_matches("+", "/finance"));
  CHECK_FALSE(topic_matches("#", "$SYS/broker"));
  CHECK_FALSE(topic_matches("+/monitor/Clients", "$SYS/monitor/Clients"));
  CHECK(topic_matches("$SYS/#", "$SYS/broker"));
  CHECK_FALSE(topic_matches("a/b/#", "a"));
  CHECK_FALSE(topic_matches("a/b", "a/b/c"));
}

TEST_CASE("malformed filters are recognised") {
  for (const char* good : {"#", "+", "a/#", "+/b/+", "/"}) CHECK(is_valid_filter(good));
  for (const char* bad : {"", "a#", "a/#/b", "a+/b", "#/"}) CHECK_FALSE(is_valid_filter(bad));
}

TEST_CASE("names") {
  for (const char* good : {"a", "sensor-000", "pm2.5", "A:1_b", "_al", "..."}) CHECK(is_valid_name(good));
  for (const char* bad : {"", "_all", "a b", "a/b", "a+", "#", "\xC3\xA9"}) CHECK_FALSE(is_valid_name(bad));
  CHECK(is_valid_name(std::string(64, 'x')));
  CHECK_FALSE(is_valid_name(std::string(65, 'x')));
}
