#include "simulator/message_format.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/codec.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

Catalogue catalogue() {
  return {.network = "wildfire",
          .boot = 0xa1b2,
          .sensors = {{"north", "sensor-000"}, {"south", "sensor-001"}},
          .metrics = {{"temperature", "Cel", 0}, {"smoke", "ug/m3", 0}, {"humidity", "", 0}}};
}

Sample sample(std::vector<Sample::Value> values) {
  return {.event_time = Timestamp{1'790'000'000'012ms}, .seq = 123, .sensor = 1, .values = std::move(values)};
}

}  // namespace

TEST_CASE("one metric is a message of codec lookout on a topic of four names") {
  const Outgoing message = format_message(catalogue(), sample({{0, 22.5}}), Form::one_metric);
  CHECK(message.topic == "sensors/wildfire/south/sensor-001/temperature");
  CHECK(message.payload ==
        R"({"event_time":1790000000.012,"value":22.5,"unit":"Cel","seq":123,"boot":"a1b2"})");
  CHECK_FALSE(message.retain);
}

TEST_CASE("a unit that is not known is left out") {
  CHECK(format_message(catalogue(), sample({{2, -3}}), Form::one_metric).payload ==
        R"({"event_time":1790000000.012,"value":-3,"seq":123,"boot":"a1b2"})");
}

TEST_CASE("combined is a message of codec flat on a topic of three names") {
  const Outgoing message =
      format_message(catalogue(), sample({{0, 22.53}, {1, 5.1}, {2, 40}}), Form::combined);
  CHECK(message.topic == "sensors/wildfire/south/sensor-001");
  CHECK(message.payload ==
        R"({"sensor_id":"sensor-001","region":"south","event_time":1790000000.012,)"
        R"("temperature_c":22.53,"smoke_ug_m3":5.1,"humidity":40,"seq":123,"boot":"a1b2"})");
}

TEST_CASE("boot ids are 4 hex digits that count the boots of a sensor") {
  Sample one = sample({{0, 1}});
  const auto boot = [&one](std::uint16_t first, std::uint32_t boots) {
    Catalogue names = catalogue();
    names.boot = first;
    one.boots = boots;
    return nlohmann::json::parse(format_message(names, one, Form::one_metric).payload)["boot"];
  };
  CHECK(boot(0xa1b2, 1) == "a1b3");
  CHECK(boot(0x0009, 1) == "000a");
  CHECK(boot(0xffff, 2) == "0001");
}

TEST_CASE("an event time comes back from the payload to the microsecond") {
  Sample one = sample({{0, 1}});
  for (int ms = 0; ms < 1000; ++ms) {
    one.event_time = Timestamp{1'795'403'400s + std::chrono::milliseconds{ms}};
    const auto message = format_message(catalogue(), one, Form::one_metric);
    const auto decoded = decode_lookout(message.payload, InputConfig{});
    REQUIRE(decoded->event_time == one.event_time);
  }
}

TEST_CASE("a time before 1970 is written right") {
  Sample one = sample({{0, 1}});
  one.event_time = Timestamp{-1'500ms};
  const auto message = format_message(catalogue(), one, Form::one_metric);
  CHECK(nlohmann::json::parse(message.payload)["event_time"] == -1.5);
}

TEST_CASE("a recorded message is one line of JSON that holds the payload as text") {
  const Outgoing message = format_message(catalogue(), sample({{0, 22.5}}), Form::one_metric);
  std::string line;
  append_recorded(line, Timestamp{1'767'225'600'250ms}, message);
  REQUIRE(line.ends_with('\n'));
  const auto json = nlohmann::json::parse(line);
  CHECK(json.size() == 3);
  CHECK(json["arrival"] == "2026-01-01T00:00:00.250000Z");
  CHECK(json["topic"] == message.topic);
  CHECK(json["payload"] == message.payload);
}
