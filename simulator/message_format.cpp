#include "simulator/message_format.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

namespace lookout {
namespace {

// The field names of the gateway's example configuration.
std::string_view flat_field(std::string_view metric) {
  if (metric == "temperature") return "temperature_c";
  if (metric == "smoke") return "smoke_ug_m3";
  return metric;
}

// Exact, and much cheaper than a double's shortest form.
void append_time(std::string& out, Timestamp time) {
  const std::int64_t ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  fmt::format_to(std::back_inserter(out), "\"event_time\":{}{}.{:03}", ms < 0 ? "-" : "", std::abs(ms) / 1000,
                 std::abs(ms) % 1000);
}

void append_origin(std::string& out, const Catalogue& catalogue, const Sample& sample) {
  // Counted, not drawn: no two boots of a sensor may look the same.
  const auto boot = static_cast<std::uint16_t>(catalogue.boot + sample.boots);
  fmt::format_to(std::back_inserter(out), ",\"seq\":{},\"boot\":\"{:04x}\"}}", sample.seq, boot);
}

std::string lookout_payload(const Catalogue& catalogue, const Sample& sample) {
  const Sample::Value& value = sample.values.front();
  std::string out = "{";
  append_time(out, sample.event_time);
  fmt::format_to(std::back_inserter(out), ",\"value\":{}", value.number);
  if (const std::string& unit = catalogue.metrics[value.metric].unit; !unit.empty()) {
    fmt::format_to(std::back_inserter(out), ",\"unit\":\"{}\"", unit);
  }
  append_origin(out, catalogue, sample);
  return out;
}

std::string flat_payload(const Catalogue& catalogue, const Sample& sample) {
  const Catalogue::Sensor& sensor = catalogue.sensors[sample.sensor];
  std::string out = fmt::format("{{\"sensor_id\":\"{}\",\"region\":\"{}\",", sensor.name, sensor.region);
  append_time(out, sample.event_time);
  for (const Sample::Value& value : sample.values) {
    const std::string_view field = flat_field(catalogue.metrics[value.metric].name);
    fmt::format_to(std::back_inserter(out), ",\"{}\":{}", field, value.number);
  }
  append_origin(out, catalogue, sample);
  return out;
}

}  // namespace

Outgoing format_message(const Catalogue& catalogue, const Sample& sample, Form form) {
  const Catalogue::Sensor& sensor = catalogue.sensors[sample.sensor];
  std::string topic = fmt::format("sensors/{}/{}/{}", catalogue.network, sensor.region, sensor.name);
  if (form == Form::combined) return {std::move(topic), flat_payload(catalogue, sample), false};
  topic += '/';
  topic += catalogue.metrics[sample.values.front().metric].name;
  return {std::move(topic), lookout_payload(catalogue, sample), false};
}

void append_recorded(std::string& out, Timestamp arrival, const Outgoing& message) {
  fmt::format_to(std::back_inserter(out), R"({{"arrival":"{}","topic":"{}","payload":")", to_rfc3339(arrival),
                 message.topic);
  for (const char c : message.payload) {
    if (c == '"') out += '\\';  // nothing else in our own payloads needs escaping
    out += c;
  }
  out += "\"}\n";
}

}  // namespace lookout
