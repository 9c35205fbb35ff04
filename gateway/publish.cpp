#include "gateway/publish.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/duration.h"
#include "common/payload_json.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kKeptPayload = 1024;
constexpr std::size_t kKeptDetail = 256;  // what somebody sent as a name may be as long as a message
constexpr std::size_t kLongestTopic = 65535;

constexpr std::array<const char*, 4> kClosedBy{"watermark", "idle", "late", "end_of_input"};

// A retracted window has no figures; null keeps the shape of the message.
void add_figures(ordered_json& payload, const MetricResult& result, bool retracted) {
  const auto figure = [&](double value) { return retracted ? ordered_json(nullptr) : ordered_json(value); };
  payload["count"] = result.count;
  payload["sensors"] = result.sensors;
  payload["sum"] = result.sum;
  payload["mean"] = figure(result.mean);
  payload["min"] = figure(result.min);
  payload["max"] = figure(result.max);
  payload["stddev"] = figure(result.stddev);
  payload["first"] = figure(result.first);
  payload["last"] = figure(result.last);
}

void render_window(const ClosedWindow& window, std::vector<Outgoing>& messages, std::string_view past) {
  const std::string group = window.group.text();
  for (const MetricResult& result : window.metrics) {
    if (!result.changed) continue;
    ordered_json payload;
    payload["id"] = window.id(result.metric);
    payload["revision"] = result.revision;
    payload["network"] = window.group.network;
    payload["window"] = window.window;
    payload["group"] = group;
    payload["metric"] = result.metric;
    payload["unit"] = result.unit;
    payload["start"] = to_rfc3339(window.start);
    payload["end"] = to_rfc3339(window.end);
    payload["closed_by"] = kClosedBy[static_cast<std::size_t>(window.closed_by)];
    add_figures(payload, result, window.retracted);
    payload["watermark"] = to_rfc3339(window.watermark);
    payload["late"] = result.late;
    payload["seq_gaps"] = result.seq_gaps;
    if (result.over) payload["over"] = *result.over;
    if (window.incomplete) payload["incomplete"] = true;
    if (window.retracted) payload["retracted"] = true;
    if (!past.empty()) payload["historical"] = true;
    messages.push_back({fmt::format("{}aggregates/{}/{}/{}/{}", past, window.group.network, window.window,
                                    group, result.metric),
                        payload.dump(), false});
  }
}

ordered_json latency_of(const AlertChange& alert) {
  ordered_json latency;
  latency["event_time"] = to_rfc3339(alert.event_time);
  latency["arrived"] = to_rfc3339(alert.arrived);
  latency["decided"] = to_rfc3339(alert.decided);
  latency["transmission_s"] = to_seconds(alert.arrived - alert.event_time);
  latency["windowing_s"] = to_seconds(alert.decided - alert.arrived);
  latency["total_s"] = to_seconds(alert.decided - alert.event_time);
  return latency;
}

void render_alert(const AlertChange& alert, std::vector<Outgoing>& messages, std::string_view past) {
  const char* state = alert.firing ? "firing" : "resolved";
  ordered_json payload;
  payload["status"] = state;
  payload["labels"] = alert.labels;
  payload["annotations"] = {{"summary", alert.summary}};
  payload["startsAt"] = to_rfc3339(alert.starts_at);
  if (alert.ends_at) payload["endsAt"] = to_rfc3339(*alert.ends_at);
  payload["fingerprint"] = alert.fingerprint;
  payload["id"] = alert.id;
  payload["revision"] = alert.revision;
  payload["state"] = state;
  payload["stale"] = false;
  payload["historical"] = !past.empty();
  payload["value"] = alert.value;
  payload["condition"] = alert.condition;
  payload["window"] = alert.window_id;
  payload["sensors"] = {{"count", alert.sensors}, {"first", alert.first_sensors}};
  payload["latency"] = latency_of(alert);
  messages.push_back(
      {fmt::format("{}alerts/{}/{}/{}", past, alert.group.network, alert.rule, alert.group.text()),
       payload.dump(), past.empty()});
}

// A topic may be as long as MQTT allows, and then leaves no room for a prefix.
std::string prefixed(std::string_view past, std::string_view prefix, std::string_view topic) {
  std::string text(past);
  text += prefix;
  text += cut_payload(topic, kLongestTopic - text.size());
  return text;
}

void add_cause(ordered_json& payload, const MessageView& message) {
  payload["arrival"] = to_rfc3339(message.arrival);
  add_payload(payload, cut_payload(message.payload, kKeptPayload));
}

void render_rejected(const Rejected& rejected, const MessageView& message, std::vector<Outgoing>& messages,
                     std::string_view past) {
  ordered_json payload;
  payload["reason"] = reason_name(rejected.refusal.reason);
  payload["detail"] = cut_payload(rejected.refusal.detail, kKeptDetail);
  if (!rejected.refusal.metric.empty()) payload["metric"] = cut_payload(rejected.refusal.metric, kKeptDetail);
  add_cause(payload, message);
  messages.push_back({prefixed(past, "rejected/", message.topic),
                      payload.dump(-1, ' ', false, ordered_json::error_handler_t::replace), false});
}

void render_late(const Late& late, const MessageView& message, std::vector<Outgoing>& messages,
                 std::string_view past) {
  ordered_json payload;
  payload["reason"] = late.full ? "windows_full" : "late";
  payload["metric"] = late.metric;
  payload["refused_by"] = late.refused_by;
  payload["late_by_s"] = to_seconds(late.late_by);
  add_cause(payload, message);
  messages.push_back({prefixed(past, "late/", message.topic), payload.dump(), false});
}

}  // namespace

void render(const Output& output, const journal::Record& cause, std::vector<Outgoing>& messages,
            std::string_view past) {
  if (const auto* window = std::get_if<ClosedWindow>(&output)) render_window(*window, messages, past);
  if (const auto* alert = std::get_if<AlertChange>(&output)) render_alert(*alert, messages, past);
  if (const auto* rejected = std::get_if<Rejected>(&output))
    render_rejected(*rejected, cause.message, messages, past);
  if (const auto* late = std::get_if<Late>(&output)) render_late(*late, cause.message, messages, past);
}

}  // namespace lookout
