#include "bridge/replay/replay_envelope.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/payload_json.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

Outgoing control(const std::string& job, const ordered_json& payload) {
  return {fmt::format("replay/{}/control", job), payload.dump(), false};
}

}  // namespace

Outgoing envelope_of(const std::string& job, const ReplayMessage& message) {
  ordered_json payload;
  payload["offset"] = message.offset;
  payload["arrival"] = to_rfc3339(message.arrival);
  payload["retain"] = message.retain;
  if (message.cut) payload["cut"] = true;
  add_payload(payload, message.payload);
  return {fmt::format("replay/{}/{}", job, message.topic), payload.dump(), false};
}

Outgoing start_of(const ReplayRequest& request) {
  ordered_json payload;
  payload["action"] = "start";
  payload["by"] = request.order == ReplayOrder::event ? "event" : "arrival";
  payload["from"] = to_rfc3339(request.range.from);
  payload["to"] = to_rfc3339(request.range.to);
  if (!request.topics.empty()) payload["topics"] = request.topics;
  return control(request.job, payload);
}

Outgoing end_of(const std::string& job) { return control(job, {{"action", "end"}}); }

Outgoing cancel_of(const std::string& job) { return control(job, {{"action", "cancel"}}); }

}  // namespace lookout
