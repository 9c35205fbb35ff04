#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/message.h"
#include "gateway/line_reader.h"

namespace lookout {

/// Reads recorded messages: NDJSON, one message a line, in either of two forms.
///
///   {"arrival":"2026-11-22T11:20:00.5Z","topic":"...","payload":"...","retain":false}
///       arrival is RFC 3339; retain may be absent; payload_base64 stands in place of a payload that is not
///       UTF-8; "cut":true says that the message was larger than the box keeps, and the payload is its
///       beginning. Written by `lookout-simulator --dry-run`, `lookout-bridge export --kind messages` and
///       `lookout-gateway journal dump`, whose records of another `kind` than messages are passed over.
///   {"tst":"2026-11-22T11:20:00.500000Z+0000","topic":"...","qos":0,"retain":0,"payloadlen":5,"payload":...}
///       written by `mosquitto_sub -F %j` and `-F %J` of Mosquitto 2.0: tst is the arrival, local time with
///       its offset behind a Z that means nothing. %j gives the payload as text, %J as JSON; a payload that
///       is no text stands for its serialisation, an empty one is null. Prefer %j: %J has passed every number
///       through a double, and gives an empty line for a payload that is not JSON.
///
/// Empty lines are passed over. A line that is broken is reported and passed over: not JSON, over 1 MiB, no
/// time, no topic, no payload, or a payload that mosquitto_sub has cut at a zero byte. Memory does not grow
/// with the file. Threading: one owner.
class Recording {
 public:
  /// Hears of every broken line: its number, counted from 1, and what is wrong with it.
  using OnBroken = std::function<void(std::uint64_t line, const std::string& why)>;

  /// `file`: "-" is standard input.
  static Result<Recording> open(const std::string& file, OnBroken on_broken);

  /// The next message, valid until the next call; nothing at the end. Fails when the file cannot be read.
  Result<std::optional<MessageView>> next();

  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t broken() const { return broken_; }

 private:
  Recording(LineReader reader, OnBroken on_broken)
      : reader_(std::move(reader)), on_broken_(std::move(on_broken)) {}

  LineReader reader_;
  OnBroken on_broken_;
  std::uint64_t lines_ = 0, broken_ = 0;
  std::string topic_, payload_;  // of the message handed out
};

}  // namespace lookout
