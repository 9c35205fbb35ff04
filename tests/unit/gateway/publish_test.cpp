#include "gateway/publish.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kStart{1795346400s};  // 2026-11-22T11:20:00Z

std::vector<Outgoing> render_one(const Output& output, const MessageView& message = {}) {
  std::vector<Outgoing> messages;
  render(output, {1, message, journal::Kind::message, {}}, messages);
  return messages;
}

}  // namespace

// Written by hand from the interface's example.
TEST_CASE("an aggregate is published to the letter") {
  ClosedWindow window;
  window.window = "5m";
  window.group = {GroupBy::region, "wildfire", "north", {}};
  window.start = kStart;
  window.end = kStart + 5min;
  window.watermark = kStart + 5min + 1s;
  MetricResult result;
  result.metric = "temperature";
  result.unit = "Cel";
  result.count = 100;
  result.sensors = 10;
  result.sum = 2262.0;
  result.mean = 22.62;
  result.min = 18.1;
  result.max = 27.4;
  result.stddev = 1.98;
  result.first = 22.5;
  result.last = 22.1;
  window.metrics.push_back(result);
  const auto messages = render_one(window);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "aggregates/wildfire/5m/north/temperature");
  CHECK_FALSE(messages[0].retain);
  CHECK(
      messages[0].payload ==
      R"({"id":"wildfire/5m/north/temperature/2026-11-22T11:20:00Z","revision":0,)"
      R"("network":"wildfire","window":"5m","group":"north","metric":"temperature","unit":"Cel",)"
      R"("start":"2026-11-22T11:20:00Z","end":"2026-11-22T11:25:00Z","closed_by":"watermark",)"
      R"("count":100,"sensors":10,"sum":2262.0,"mean":22.62,"min":18.1,"max":27.4,"stddev":1.98,"first":22.5,"last":22.1,)"
      R"("watermark":"2026-11-22T11:25:01Z","late":0,"seq_gaps":0})");
}

TEST_CASE("an alert is published to the letter") {
  AlertChange alert;
  alert.rule = "Fire";
  alert.id = "Fire/wildfire/north/2026-11-22T11:25:00Z";
  alert.fingerprint = "9f1c0a0000000000";
  alert.condition = "temperature.mean > 35";
  alert.window_id = "wildfire/5m/north/temperature/2026-11-22T11:20:00Z";
  alert.firing = true;
  alert.group = {GroupBy::region, "wildfire", "north", {}};
  alert.labels = {{"alertname", "Fire"}, {"box", "ridge-7"}};
  alert.summary = "north: mean 47.0 over 5 min (10 sensors)";
  alert.starts_at = kStart + 5min;
  alert.value = 47.02;
  alert.sensors = 10;
  alert.first_sensors = {"sensor-000", "sensor-005"};
  alert.event_time = kStart + 4min;
  alert.arrived = kStart + 4min + 210ms;
  alert.decided = kStart + 5min + 500ms;
  const auto messages = render_one(alert);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "alerts/wildfire/Fire/north");
  CHECK(messages[0].retain);
  CHECK(
      messages[0].payload ==
      R"({"status":"firing","labels":{"alertname":"Fire","box":"ridge-7"},)"
      R"x("annotations":{"summary":"north: mean 47.0 over 5 min (10 sensors)"},)x"
      R"("startsAt":"2026-11-22T11:25:00Z","fingerprint":"9f1c0a0000000000",)"
      R"("id":"Fire/wildfire/north/2026-11-22T11:25:00Z","revision":0,"state":"firing","stale":false,"historical":false,)"
      R"("value":47.02,"condition":"temperature.mean > 35","window":"wildfire/5m/north/temperature/2026-11-22T11:20:00Z",)"
      R"("sensors":{"count":10,"first":["sensor-000","sensor-005"]},)"
      R"("latency":{"event_time":"2026-11-22T11:24:00Z","arrived":"2026-11-22T11:24:00.210000Z",)"
      R"("decided":"2026-11-22T11:25:00.500000Z","transmission_s":0.21,"windowing_s":60.29,"total_s":60.5}})");
  alert.firing = false;
  alert.ends_at = kStart + 10min;
  const auto resolved = render_one(alert).at(0).payload;
  CHECK(resolved.find(R"("status":"resolved")") != std::string::npos);
  CHECK(resolved.find(R"("endsAt":"2026-11-22T11:30:00Z")") != std::string::npos);
}

TEST_CASE("refusals carry reason, metric and the beginning of the payload") {
  const std::string payload(5000, 'x');
  const auto messages =
      render_one(Rejected{{Reason::not_json, "not JSON at byte 1", {}}}, {kStart, "sensors/a", payload});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "rejected/sensors/a");
  CHECK(messages[0].payload ==
        R"({"reason":"not_json","detail":"not JSON at byte 1","arrival":"2026-11-22T11:20:00Z","payload":")" +
            std::string(1024, 'x') + "\"}");
  const auto named =
      render_one(Rejected{{Reason::not_a_number, "d", "smoke"}}, {kStart, "t", "\xff"}).at(0).payload;
  CHECK(
      named ==
      R"({"reason":"not_a_number","detail":"d","metric":"smoke","arrival":"2026-11-22T11:20:00Z","payload_base64":"/w=="})");
}

TEST_CASE("what somebody sent as a name does not make a long refusal") {
  const std::string name(60000, 'n');
  CHECK(render_one(Rejected{{Reason::bad_name, name, name}}, {kStart, "t", ""}).at(0).payload.size() < 1024);
}

TEST_CASE("late readings name who refused them") {
  const auto messages = render_one(Late{"temperature", {"5m/north"}, 812s}, {kStart, "sensors/a", "{}"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "late/sensors/a");
  CHECK(messages[0].payload ==
        R"({"reason":"late","metric":"temperature","refused_by":["5m/north"],"late_by_s":812.0,)"
        R"("arrival":"2026-11-22T11:20:00Z","payload":"{}"})");
}

TEST_CASE("the longest topic still leaves room for the prefix") {
  const std::string topic(65535, 't');
  CHECK(render_one(Rejected{{Reason::no_input, "d", {}}}, {kStart, topic, ""}).at(0).topic.size() == 65535);
}
