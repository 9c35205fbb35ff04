#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>

#include "common/decoder.h"
#include "common/json_pointer.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kArrival{1790000100s};

// As a LoRaWAN server reports a frame that one of its gateways heard.
const std::string kFrame = R"({"fcnt":3369,"payload":"AQEdAkAD","decoded":{"payload":{"temperature":28.5,)"
                           R"("humidity":64}},"reported_at":1687520266404,"hotspots":[{"rssi":-113}]})";

InputConfig lora() {
  InputConfig input;
  input.topic = *TopicPattern::parse("lora/{network}/{sensor}");
  input.codec = CodecKind::json;
  input.values = {{"temperature", "/decoded/payload/temperature"}, {"rssi", "/hotspots/0/rssi"}};
  input.time = "/reported_at";
  input.time_format = TimeFormat::milliseconds;
  input.seq = "/fcnt";
  input.identity = {"/fcnt", "/payload"};
  return input;
}

Decoder::Result decode(const InputConfig& input, const std::string& payload, bool retain = false,
                       const std::string& topic = "lora/valley/ems") {
  Decoder decoder({input}, {});
  Decoder::Result result;
  MessageView message{kArrival, topic, payload};
  message.retain = retain;
  decoder.decode(message, result);
  return result;
}

std::string with(const std::string& old_text, const std::string& new_text) {
  std::string changed = kFrame;
  return changed.replace(changed.find(old_text), old_text.size(), new_text);
}

/// The identity of the first reading.
std::optional<Identity> identity_of(const std::string& payload, const InputConfig& input = lora()) {
  return decode(input, payload).readings.at(0).identity;
}

/// One value, and a time in `format`.
Decoder::Result decode_time(TimeFormat format, const std::string& time) {
  InputConfig input;
  input.topic = *TopicPattern::parse("x/{sensor}");
  input.codec = CodecKind::json;
  input.values = {{"v", "/v"}};
  input.time = "/t";
  input.time_format = format;
  return decode(input, R"({"v":1,"t":)" + time + "}", false, "x/s");
}

const std::string kDeep = std::string(30000, '[') + std::string(30000, ']');

}  // namespace

TEST_CASE("codec json takes values, time and seq from where the pointers point, names from the topic") {
  Decoder decoder({lora()}, {});
  Decoder::Result result;
  decoder.decode({kArrival, "lora/valley/ems", kFrame}, result);
  CHECK(result.refusals.empty());
  REQUIRE(result.readings.size() == 2);
  CHECK(result.readings[0].value == 28.5);
  CHECK(result.readings[1].value == -113);
  CHECK(result.readings[0].event_time == Timestamp{1687520266404000us});
  CHECK_FALSE(result.readings[0].time_is_arrival);
  CHECK(result.readings[0].seq == 3369u);
  const Series& series = decoder.series()[result.readings[0].series];
  CHECK(series.network == "valley");
  CHECK(series.region == "default");
  CHECK(series.sensor == "ems");
  CHECK(series.metric == "temperature");
  CHECK(decoder.series()[result.readings[1].series].metric == "rssi");
}

TEST_CASE("an absent or null value is no reading of that metric, none is no_value, a bad one is counted") {
  CHECK(decode(lora(), with("28.5", "null")).readings.size() == 1);
  CHECK(decode(lora(), with("\"temperature\"", "\"t\"")).refusals.empty());
  CHECK(decode(lora(), with("{\"temperature\":28.5,\"humidity\":64}", "null")).readings.size() == 1);
  for (const char* nothing : {"{}", "[]", "17", "\"x\"", "null", R"({"decoded":[],"hotspots":[]})"}) {
    INFO(nothing);
    const auto result = decode(lora(), nothing);
    REQUIRE(result.refusals.size() == 1);
    CHECK(result.refusals[0].reason == Reason::no_value);
  }
  const auto half = decode(lora(), with("28.5", "\"28.5\""));
  CHECK(half.readings.size() == 1);
  REQUIRE(half.refusals.size() == 1);
  CHECK(half.refusals[0].reason == Reason::not_a_number);
  CHECK(half.refusals[0].metric == "temperature");
  CHECK(decode(lora(), "{").refusals.at(0).reason == Reason::not_json);
}

TEST_CASE("a pointer whose token can be no index leads nowhere where an array stands") {
  InputConfig input = lora();
  for (const char* token :
       {"/hotspots/", "/hotspots/-", "/hotspots/00", "/hotspots/x", "/hotspots/1", "/hotspots/1x",
        "/hotspots/99999999999999999999999", "/hotspots/18446744073709551615"}) {
    INFO(token);
    input.values = {{"rssi", token}};
    CHECK(decode(input, kFrame).refusals.at(0).reason == Reason::no_value);
  }
  input.values = {{"a", "/a~1b/m~0n"}, {"empty", "/"}};
  CHECK(decode(input, R"({"a/b":{"m~n":1},"":2})").readings.size() == 2);
  input.values = {{"whole", ""}};
  CHECK(decode(input, "22.5").readings.at(0).value == 22.5);
}

TEST_CASE("times are read in the format that the input names") {
  struct Case {
    TimeFormat format;
    std::string time;
    Timestamp expected;
  };
  const std::vector<Case> cases{
      {TimeFormat::seconds, "1687520266", Timestamp{1687520266s}},
      {TimeFormat::seconds, "1687520266.25", Timestamp{1687520266250000us}},
      {TimeFormat::seconds, "-1", Timestamp{-1s}},
      {TimeFormat::milliseconds, "1687520266404", Timestamp{1687520266404000us}},
      {TimeFormat::milliseconds, "1687520266404.5", Timestamp{1687520266404500us}},
      {TimeFormat::microseconds, "1687520266404001", Timestamp{1687520266404001us}},
      // The last microsecond of 9998, which no double holds.
      {TimeFormat::microseconds, "253370764799999999", Timestamp{253370764799999999us}},
      {TimeFormat::microseconds, "-2208988800000000", kEarliestTime},
      {TimeFormat::rfc3339, "\"2023-06-23T11:37:46.404Z\"", Timestamp{1687520266404000us}},
      {TimeFormat::rfc3339, "\"2023-06-23T13:37:46.404123456+02:00\"", Timestamp{1687520266404123us}}};
  for (const Case& each : cases) {
    INFO(each.time);
    const auto result = decode_time(each.format, each.time);
    REQUIRE(result.readings.size() == 1);
    CHECK(result.readings[0].event_time == each.expected);
    CHECK_FALSE(result.readings[0].time_is_arrival);
  }
}

TEST_CASE("what is no time in the input's format refuses the message, absent or null is no time") {
  const std::vector<std::pair<TimeFormat, std::vector<std::string>>> bad{
      {TimeFormat::seconds,
       {"1687520266404", "1e300", "-1e300", "253370764800", "-2208988801", "9223372036854775807"}},
      {TimeFormat::milliseconds,
       {"\"1687520266404\"", "true", "{}", kDeep, "9223372036854775807", "-9223372036854775808",
        "18446744073709551615", "253370764800000"}},
      {TimeFormat::microseconds,
       {"1e300", "253370764800000000", "-2208988800000001", "18446744073709551615",
        "\"2023-06-23T11:37:46Z\""}},
      {TimeFormat::rfc3339, {"1687520266", "\"1687520266\"", "\"noon\"", "\"\"", "[]"}}};
  for (const auto& [format, times] : bad) {
    for (const std::string& time : times) {
      INFO(static_cast<int>(format) << ' ' << time.substr(0, 40));
      const auto result = decode_time(format, time);
      CHECK(result.readings.empty());
      REQUIRE(result.refusals.size() == 1);
      CHECK(reason_name(result.refusals[0].reason) == "bad_time");
    }
  }
  const auto null = decode_time(TimeFormat::seconds, "null");
  CHECK(null.readings.at(0).event_time == kArrival);
  CHECK(null.readings.at(0).time_is_arrival);
  CHECK(decode_time(TimeFormat::seconds, "0").readings.at(0).event_time == Timestamp{0s});
}

TEST_CASE("the identity is what the pointers name, and neither time nor value nor seq") {
  const auto identity = identity_of(kFrame);
  REQUIRE(identity.has_value());
  CHECK(identity_of(with("1687520266404", "1687520279404")) == identity);
  CHECK(identity_of(with("28.5", "28.6")) == identity);
  CHECK(identity_of(with("-113", "-97")) == identity);
  InputConfig without_seq = lora();
  without_seq.seq.reset();
  CHECK(identity_of(kFrame, without_seq) == identity);
  CHECK(decode(lora(), kFrame).readings[1].identity != identity);  // another metric

  std::set<Identity> distinct{*identity};
  distinct.insert(*identity_of(with("3369", "3370")));
  distinct.insert(*identity_of(with("3369", "\"3369\"")));
  distinct.insert(*identity_of(with("AQEdAkAD", "AQEdAkAE")));
  distinct.insert(*identity_of(with("AQEdAkAD", "")));
  distinct.insert(*identity_of(with("\"fcnt\":3369,", "")));
  InputConfig swapped = lora();
  std::swap(swapped.identity[0], swapped.identity[1]);
  distinct.insert(*identity_of(kFrame, swapped));
  CHECK(distinct.size() == 7);
  // Where one text ends and the next begins is part of it.
  const auto two = [](const char* first, const char* second) {
    return identity_of(fmt::format(R"({{"fcnt":{},"payload":{},"hotspots":[{{"rssi":1}}]}})", first, second));
  };
  CHECK(two("1", "23") != two("12", "3"));
  CHECK(two(R"("a\u0000")", R"("b")") != two(R"("a")", R"("\u0000b")"));
}

TEST_CASE("an absent part of the identity counts as null, when all are absent the usual rule holds") {
  CHECK(identity_of(with("3369", "null")) == identity_of(with("\"fcnt\":3369,", "")));
  const std::string bare = R"({"decoded":{"payload":{"temperature":1}})";
  const auto timed = decode(lora(), bare + R"(,"reported_at":1687520266404})").readings.at(0);
  CHECK(timed.identity_has_time);
  CHECK_FALSE(timed.identity_is_by_name);
  CHECK(timed.identity == identify(hash_series("valley", "default", "ems", "temperature"),
                                   Timestamp{1687520266404000us}, 1, std::nullopt, ""));
  const auto nameless = decode(lora(), bare + R"(,"fcnt":null})").readings.at(0);
  CHECK_FALSE(nameless.identity.has_value());
  CHECK_FALSE(nameless.identity_has_time);
}

TEST_CASE("a value of several parts, however deep, is no part of an identity: the usual rule holds") {
  for (const std::string& parts : {std::string("{}"), std::string("[1]"), kDeep}) {
    const auto reading = decode(lora(), with("3369", parts)).readings.at(0);
    CHECK(reading.identity.has_value());
    CHECK(reading.identity_has_time);
    CHECK_FALSE(reading.identity_is_by_name);
  }
}

TEST_CASE("readings say whether their event time is part of their identity") {
  InputConfig plain;
  plain.topic = *TopicPattern::parse("p/{sensor}/{metric}");
  const auto lookout_reading = [&](const char* payload) {
    return decode(plain, payload, false, "p/s/m").readings.at(0);
  };
  CHECK(lookout_reading(R"({"value":1,"event_time":1790000000})").identity_has_time);
  CHECK(lookout_reading(R"({"value":1,"event_time":1790000000,"seq":1,"boot":"a"})").identity_has_time);
  CHECK_FALSE(lookout_reading(R"({"value":1,"seq":1,"boot":"a"})").identity_has_time);
  CHECK_FALSE(lookout_reading(R"({"value":1})").identity_has_time);
  const auto named = decode(lora(), kFrame).readings.at(0);
  CHECK_FALSE(named.identity_has_time);
  CHECK(named.identity_is_by_name);
}

TEST_CASE("retained messages count where the pointers name an identity, and are ignored without one") {
  InputConfig input = lora();
  input.time.reset();
  CHECK(decode(input, kFrame, true).readings.size() == 2);
  input.identity.clear();
  CHECK(decode(input, kFrame, true).readings.empty());
  CHECK(decode(input, kFrame, true).refusals.empty());
}

TEST_CASE("JSON pointers are those of RFC 6901") {
  // The pointers of its section 5, and three more.
  for (const char* good : {"", "/foo", "/foo/0", "/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ",
                           "/m~0n", "//", "/~01", "/-"}) {
    CHECK(check_json_pointer(good));
  }
  for (const char* bad : {"foo", "#/foo", "/a~", "/a~2", "/~/x", " /a", "~0"}) {
    INFO(bad);
    REQUIRE_FALSE(check_json_pointer(bad));
    CHECK_THAT(check_json_pointer(bad).error(), Catch::Contains("is not a JSON pointer: accepted are"));
  }
}
