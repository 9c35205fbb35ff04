#include "gateway/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/payload_json.h"
#include "gateway/json_fields.h"

namespace lookout {
namespace {

using nlohmann::json;

constexpr int kDeepestPayload = 1000;  // mosquitto_sub's own limit; deeper would cost stack to write

struct RecordedMessage {
  Timestamp arrival;
  std::string topic, payload;
  bool retain = false, cut = false;
};

// "2026-11-22T12:20:00.500000Z+0100" is "2026-11-22T12:20:00.500000+01:00".
Result<Timestamp> parse_tst(const std::string& tst) {
  if (const auto zone = tst.rfind("Z"); zone != std::string::npos && zone + 6 == tst.size()) {
    std::string time = tst;
    time.insert(zone + 4, ":").erase(zone, 1);
    if (const auto parsed = parse_rfc3339(time)) return *parsed;
  }
  return Failure(fmt::format("tst '{}' is not a time as mosquitto_sub writes it", tst));
}

Result<Timestamp> read_arrival(const json& object) {
  const bool by_mosquitto = !object.contains("arrival") && object.contains("tst");
  const auto text = read_text(object, by_mosquitto ? "tst" : "arrival");
  if (!text) return Failure(text.error());
  return by_mosquitto ? parse_tst(*text) : parse_rfc3339(*text);
}

bool is_deeper(const json& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::ranges::any_of(value, [=](const auto& v) { return is_deeper(v, levels - 1); });
}

Result<std::string> serialise(const json& payload) {
  if (!is_deeper(payload, kDeepestPayload)) return payload.dump();
  return Failure(fmt::format("the payload is nested deeper than {}", kDeepestPayload));
}

// mosquitto_sub says beside the payload how many bytes arrived, which tells what the text alone leaves open.
Result<std::string> read_payload_of_length(const json& payload, std::size_t length) {
  if (payload.is_null() && length == 0) return std::string{};
  if (!payload.is_string()) return serialise(payload);
  auto text = payload.get<std::string>();
  if (text.size() == length) return text;
  if (auto serialised = payload.dump(); serialised.size() == length) return serialised;
  return Failure(fmt::format("of the payload's {} bytes {} are there", length, text.size()));
}

Result<std::string> read_recorded_payload(const json& object) {
  const auto payload = object.find("payload");
  if (payload == object.end()) return read_payload(object);
  if (const auto length = object.find("payloadlen"); length != object.end() && length->is_number_unsigned())
    return read_payload_of_length(*payload, length->get<std::size_t>());
  return payload->is_string() ? read_payload(object) : serialise(*payload);
}

// Nothing for a record that is not of a message.
Result<std::optional<RecordedMessage>> parse_message(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return Failure(object.error());
  if (const auto kind = object->find("kind"); kind != object->end() && *kind != "message")
    return std::nullopt;
  const auto arrival = read_arrival(*object);
  if (!arrival) return Failure(arrival.error());
  auto topic = read_text(*object, "topic");
  if (!topic) return Failure(topic.error());
  if (topic->empty()) return Failure("the topic is empty");
  auto payload = read_recorded_payload(*object);
  if (!payload) return Failure(payload.error());
  const auto retain = read_flag(*object, "retain"), cut = read_flag(*object, "cut");
  if (!retain) return Failure(retain.error());
  if (!cut) return Failure(cut.error());
  return RecordedMessage{*arrival, std::move(*topic), std::move(*payload), *retain, *cut};
}

}  // namespace

Result<Recording> Recording::open(const std::string& file, OnBroken on_broken) {
  auto reader = LineReader::open(file);
  if (!reader) return Failure(reader.error());
  return Recording(std::move(*reader), std::move(on_broken));
}

Result<std::optional<MessageView>> Recording::next() {
  while (true) {
    const auto line = reader_.next();
    if (!line) return Failure(line.error());
    if (!*line) return std::nullopt;
    ++lines_;
    const std::string_view text = (*line)->text;
    if (!(*line)->too_long && text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto message = (*line)->too_long ? Failure(fmt::format("longer than {} bytes", LineReader::kLongestLine))
                                     : parse_message(text);
    if (message && !*message) continue;
    if (message) {
      topic_ = std::move((*message)->topic);
      payload_ = std::move((*message)->payload);
      return MessageView{(*message)->arrival, topic_, payload_, (*message)->retain, (*message)->cut};
    }
    ++broken_;
    on_broken_(lines_, message.error());
  }
}

}  // namespace lookout
