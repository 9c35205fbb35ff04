#include "bridge/replay/replay_envelope.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "common/payload_json.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

Outgoing control(const std::string& job, const ordered_json& payload) {
  return {fmt::format("replay/{}/control", job), payload.dump(), false};
}

using AddPayload = void (*)(ordered_json& object, std::string_view payload);

std::string wrap(const ReplayMessage& message, AddPayload add) {
  ordered_json envelope;
  envelope["offset"] = message.offset;
  envelope["arrival"] = to_rfc3339(message.arrival);
  envelope["retain"] = message.retain;
  if (message.cut) envelope["cut"] = true;
  add(envelope, message.payload);
  return envelope.dump();
}

}  // namespace

Outgoing envelope_of(const std::string& job, const ReplayMessage& message) {
  std::string envelope = wrap(message, add_payload);
  if (envelope.size() > kLargestEnvelope) envelope = wrap(message, add_payload_base64);
  return {fmt::format("replay/{}/{}", job, message.topic), std::move(envelope), false};
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

Outgoing mark_of(const std::string& job, std::uint64_t mark) {
  return control(job, {{"action", "mark"}, {"mark", mark}});
}

Outgoing end_of(const std::string& job) { return control(job, {{"action", "end"}}); }

Outgoing cancel_of(const std::string& job) { return control(job, {{"action", "cancel"}}); }

}  // namespace lookout
