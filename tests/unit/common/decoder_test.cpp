#include "common/decoder.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kArrival{1790000100s};

InputConfig input(const char* topic, CodecKind codec) {
  InputConfig made;
  made.topic = *TopicPattern::parse(topic);
  made.codec = codec;
  return made;
}

Decoder make_decoder(LimitsConfig limits = {}) {
  std::vector<InputConfig> inputs{input("sensors/{network}/{region}/{sensor}/{metric}", CodecKind::lookout),
                                  input("sensors/{network}/{region}/{sensor}", CodecKind::flat),
                                  input("bare/{sensor}/{metric}", CodecKind::number),
                                  input("loose/{network}", CodecKind::flat)};
  inputs[0].scale.by_metric["raw"] = 0.1;
  inputs[0].offset.all = 0;
  inputs[0].offset.by_metric["raw"] = -5;
  inputs[0].units["temperature"] = "Cel";
  inputs[1].metrics = {{"temperature", "temperature_c"}, {"smoke", "smoke_ug_m3"}};
  inputs[3].metrics = inputs[1].metrics;
  return {std::move(inputs), limits};
}

struct Decoded {
  explicit Decoded(Decoder decoder_, const std::string& topic, const std::string& payload,
                   bool retain = false)
      : decoder(std::move(decoder_)) {
    MessageView message{kArrival, topic, payload};
    message.retain = retain;
    decoder.decode(message, result);
  }
  Decoder decoder;
  Decoder::Result result;
  const Series& series(std::size_t i) const { return decoder.series()[result.readings[i].series]; }
};

Decoded decode(const std::string& topic, const std::string& payload, bool retain = false) {
  return Decoded(make_decoder(), topic, payload, retain);
}

const char* const kTopic = "sensors/wildfire/north/s1/temperature";

}  // namespace

TEST_CASE("codec lookout reads all that a sensor may say") {
  const auto [decoder, result] = [] {
    auto d =
        decode(kTopic, R"({"event_time":1790000000.123,"value":22.53,"unit":"K","seq":123,"boot":"a1"})");
    return std::pair(d.decoder.series()[0].metric, d.result);
  }();
  REQUIRE(result.readings.size() == 1);
  const Reading& reading = result.readings[0];
  CHECK(decoder == "temperature");
  CHECK(reading.value == 22.53);
  CHECK(reading.event_time == Timestamp{1790000000123000us});
  CHECK_FALSE(reading.time_is_arrival);
  CHECK(reading.seq == 123u);
  CHECK(reading.boot == "a1");
  CHECK(reading.unit == "K");
  CHECK(reading.identity.has_value());
}

TEST_CASE("only the value is required: the arrival is the event time then, and there is no identity") {
  const auto d = decode(kTopic, R"({"value":1})");
  REQUIRE(d.result.readings.size() == 1);
  CHECK(d.result.readings[0].event_time == kArrival);
  CHECK(d.result.readings[0].time_is_arrival);
  CHECK_FALSE(d.result.readings[0].identity.has_value());
  CHECK(d.result.readings[0].unit == "Cel");
}

TEST_CASE("event time may be RFC 3339") {
  const auto d = decode(kTopic, R"({"value":1,"event_time":"2026-11-22T11:20:00Z"})");
  REQUIRE(d.result.readings.size() == 1);
  CHECK(d.result.readings[0].event_time == Timestamp{1795346400s});
}

TEST_CASE("scale and offset calibrate a metric") {
  const auto d = decode("sensors/wildfire/north/s1/raw", R"({"value":300})");
  REQUIRE(d.result.readings.size() == 1);
  CHECK(d.result.readings[0].value == Approx(25.0));
}

TEST_CASE("codec flat gives one reading per metric, the topic's names win over the payload's") {
  const auto d = decode(
      "sensors/wildfire/north/s1",
      R"({"sensor_id":"other","region":"south","event_time":1790000000.1,"temperature_c":22.53,"smoke_ug_m3":5.1})");
  REQUIRE(d.result.readings.size() == 2);
  CHECK(d.series(0).sensor == "s1");
  CHECK(d.series(0).region == "north");
  CHECK(d.series(0).metric == "temperature");
  CHECK(d.result.readings[0].value == 22.53);
  CHECK(d.series(1).metric == "smoke");
  CHECK(d.result.readings[1].value == 5.1);
}

TEST_CASE("names that the topic does not give come from the payload, region and network have a default") {
  const auto d = decode("loose/net", R"({"sensor_id":"s9","region":"east","temperature_c":1})");
  REQUIRE(d.result.readings.size() == 1);
  CHECK(d.series(0).sensor == "s9");
  CHECK(d.series(0).region == "east");
  const auto bare = decode("bare/s1/temperature", "22.53");
  REQUIRE(bare.result.readings.size() == 1);
  CHECK(bare.result.readings[0].value == 22.53);
  CHECK(bare.series(0).network == "default");
  CHECK(bare.series(0).region == "default");
  CHECK(bare.result.readings[0].time_is_arrival);
}

TEST_CASE("each reading of a message is judged for itself, absent and null fields are no readings") {
  const auto d = decode("sensors/w/n/s", R"({"temperature_c":"22","smoke_ug_m3":5})");
  REQUIRE(d.result.readings.size() == 1);
  CHECK(d.series(0).metric == "smoke");
  REQUIRE(d.result.refusals.size() == 1);
  CHECK(d.result.refusals[0].reason == Reason::not_a_number);
  CHECK(d.result.refusals[0].metric == "temperature");
  const auto half = decode("sensors/w/n/s", R"({"temperature_c":null,"smoke_ug_m3":5})");
  CHECK(half.result.readings.size() == 1);
  CHECK(half.result.refusals.empty());
}

TEST_CASE("bad input is refused with its reason and has no other effect") {
  struct Case {
    std::string topic, payload;
    Reason reason;
  };
  const std::string deep(60000, '[');
  const std::vector<Case> cases{
      {kTopic, "", Reason::not_json},
      {kTopic, "NaN", Reason::not_json},
      {kTopic, R"({"value":NaN})", Reason::not_json},
      {kTopic, R"({"value":1)", Reason::not_json},
      {kTopic, deep, Reason::not_json},
      {kTopic, "\xff\xfe", Reason::not_utf8},
      {kTopic, "{\"value\":1,\"unit\":\"\xC3\x28\"}", Reason::not_utf8},
      {kTopic, "{}", Reason::no_value},
      {kTopic, "22.5", Reason::no_value},
      {kTopic, "[1]", Reason::no_value},
      {kTopic, R"({"value":null})", Reason::no_value},
      {kTopic, R"({"value":"22"})", Reason::not_a_number},
      {kTopic, R"({"value":true})", Reason::not_a_number},
      {kTopic, R"({"value":1e400})", Reason::not_a_number},
      {kTopic, R"({"value":{"a":1}})", Reason::not_a_number},
      {kTopic, R"({"value":1.1e150})", Reason::not_a_number},
      {"loose/net",
       R"({"temperature_c":1,"sensor_id":)" + std::string(30000, '[') + std::string(30000, ']') + "}",
       Reason::bad_name},
      {kTopic, R"({"value":1,"event_time":"noon"})", Reason::bad_time},
      {kTopic, R"({"value":1,"event_time":true})", Reason::bad_time},
      {kTopic, R"({"value":1,"event_time":1790000000123})", Reason::bad_time},
      {"sensors/w/n/s", R"({"other":1})", Reason::no_value},
      {"sensors/w/n/s", R"({"temperature_c":null,"smoke_ug_m3":null})", Reason::no_value},
      {"sensors/w/no rth/s/temperature", R"({"value":1})", Reason::bad_name},
      {"sensors/w//s/temperature", R"({"value":1})", Reason::bad_name},
      {"sensors/w/_all/s/temperature", R"({"value":1})", Reason::bad_name},
      {"loose/net", R"({"sensor_id":"a/b","temperature_c":1})", Reason::bad_name},
      {"loose/net", R"({"sensor_id":"a+","temperature_c":1})", Reason::bad_name},
      {"loose/net", R"({"sensor_id":"#","temperature_c":1})", Reason::bad_name},
      {"loose/net", R"({"sensor_id":17,"region":{},"temperature_c":1})", Reason::bad_name},
      {"loose/net", R"({"temperature_c":1})", Reason::bad_name},
      {"elsewhere/x", R"({"value":1})", Reason::no_input},
      {"sensors/w", R"({"value":1})", Reason::no_input},
      {kTopic, std::string(70000, ' '), Reason::too_large},
      {"bare/s/temperature", "nan", Reason::not_json},
      {"bare/s/temperature", "\"22\"", Reason::not_a_number},
      {"bare/s/temperature", "null", Reason::no_value}};
  for (const Case& each : cases) {
    INFO(each.topic << ' ' << each.payload.substr(0, 80));
    const auto d = decode(each.topic, each.payload);
    CHECK(d.result.readings.empty());
    REQUIRE(d.result.refusals.size() == 1);
    CHECK(reason_name(d.result.refusals[0].reason) == reason_name(each.reason));
    CHECK_FALSE(d.result.refusals[0].detail.empty());
    CHECK(d.decoder.series().size() == 0);
  }
}

TEST_CASE(
    "of a field that comes twice the last counts, however its name is written, and none that is nested") {
  struct Case {
    std::string payload;
    double value;
  };
  const std::vector<Case> cases{{R"({"value":1,"value":2})", 2},
                                {R"({"value":"text","value":2})", 2},
                                {R"({"value":3,"other":{"value":4}})", 3},
                                {R"({"other":[{"value":4}],"value":3,"more":{"a":{"value":5}}})", 3},
                                {R"({"v\u0061lue":6})", 6},
                                {R"({"value":7,"unit":{"a":"K"},"boot":["b"],"seq":{"seq":1}})", 7}};
  for (const Case& each : cases) {
    INFO(each.payload);
    const auto d = decode(kTopic, each.payload);
    REQUIRE(d.result.readings.size() == 1);
    const Reading& reading = d.result.readings[0];
    CHECK(reading.value == each.value);
    CHECK(reading.unit == "Cel");
    CHECK(reading.boot.empty());
    CHECK_FALSE(reading.seq.has_value());
  }
  CHECK(decode(kTopic, R"({"value":1,"value":null})").result.refusals.at(0).reason == Reason::no_value);
  CHECK(decode(kTopic, R"({"a":{"value":1}})").result.refusals.at(0).reason == Reason::no_value);
}

TEST_CASE("two series whose hashes are alike stay two") {
  struct Forged {  // as a snapshot is read
    std::deque<Series> series;
    void operator()(std::deque<Series>& into) const { into = series; }
  };
  const Identity hash = hash_series("n", "r", "s", "m");
  Forged forged{{{"n", "r", "other", "m", hash}, {"n", "r", "s", "m", hash}, {"n", "r", "s2", "m", hash}}};
  SeriesTable table(10);
  table.serialize(forged);
  CHECK(table.find("n", "r", "s", "m") == SeriesId{1});
}

TEST_CASE("of ten thousand series each is found by its names, and no other") {
  SeriesTable table(10'000);
  const auto name = [](SeriesId id) { return "s" + std::to_string(id); };
  for (SeriesId id = 0; id < 10'000; ++id) REQUIRE(table.intern("n", "r", name(id), "m") == id);
  CHECK_FALSE(table.intern("n", "r", "one more", "m").has_value());
  for (SeriesId id = 0; id < 10'000; ++id) {
    REQUIRE(table.find("n", "r", name(id), "m") == id);
    REQUIRE_FALSE(table.find("n", name(id), "r", "m").has_value());
  }
}

TEST_CASE("event times far from now are well formed: the guards judge them") {
  CHECK(decode(kTopic, R"({"value":1,"event_time":0})").result.readings.at(0).event_time == Timestamp{0us});
  CHECK(decode(kTopic, R"({"value":1,"event_time":"3000-01-01T00:00:00Z"})").result.readings.size() == 1);
}

TEST_CASE("a seq that is no whole number and a boot that is too long count as absent") {
  const auto d = decode(
      kTopic, R"({"value":1,"event_time":1790000000,"seq":-1,"boot":")" + std::string(65, 'b') + "\"}");
  REQUIRE(d.result.readings.size() == 1);
  CHECK_FALSE(d.result.readings[0].seq.has_value());
  CHECK(d.result.readings[0].boot.empty());
  const auto unit = decode("sensors/w/n/s/other", R"({"value":1,"unit":")" + std::string(65, 'u') + "\"}");
  CHECK(unit.result.readings.at(0).unit.empty());
}

TEST_CASE("retained messages count only where an identity tells repeats apart") {
  CHECK(decode(kTopic, R"({"value":1})", true).result.readings.empty());
  CHECK(decode(kTopic, R"({"value":1})", true).result.refusals.empty());
  CHECK(decode(kTopic, R"({"value":1,"event_time":1790000000})", true).result.readings.size() == 1);
}

TEST_CASE("series beyond max_series are refused, known ones go on") {
  LimitsConfig limits;
  limits.max_series = 2;
  Decoder decoder = make_decoder(limits);
  Decoder::Result result;
  const auto send = [&](const std::string& sensor) {
    decoder.decode({kArrival, "sensors/w/n/" + sensor + "/t", R"({"value":1})"}, result);
    return result.readings.size();
  };
  CHECK(send("a") == 1);
  CHECK(send("b") == 1);
  CHECK(send("c") == 0);
  CHECK(result.refusals.at(0).reason == Reason::too_many_series);
  CHECK(send("a") == 1);
}
