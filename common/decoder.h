#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/codec.h"
#include "common/config.h"
#include "common/message.h"
#include "common/reading.h"
#include "common/series.h"

namespace lookout {

/// The step decode: a message becomes readings and refusals, each reading judged for itself. Looks at no
/// clock: guards against wrong event times belong to who knows the reference time. Used by gateway and bridge
/// alike. Threading: one owner. Deterministic: the same messages in the same order give the same result.
class Decoder {
 public:
  Decoder(std::vector<InputConfig> inputs, const LimitsConfig& limits);

  struct Result {
    std::vector<Reading> readings;
    std::vector<Refusal> refusals;
  };
  /// Replaces the contents of `result`, whose buffers are reused. Both lists empty: a retained message that
  /// was ignored, because without an identity nobody can tell whether it was counted before.
  void decode(const MessageView& message, Result& result) {
    Parsed parsed = parse(message);
    decode(message, parsed, result);
  }

  /// What a message says by itself. Refers to the message's topic and to the input, until reconfigure().
  struct Content {
    const InputConfig* input;
    TopicNames names;
    Payload payload;
  };
  using Parsed = std::expected<Content, Refusal>;
  /// The first half of decode(): needs nothing that was decoded before, so it may run on another thread
  /// beside the rest, but for reconfigure().
  [[nodiscard]] Parsed parse(const MessageView& message) const;
  /// The second half. Uses `parsed` up; its memory stays with whom it belongs to.
  void decode(const MessageView& message, Parsed& parsed, Result& result);

  /// Goes on with other inputs and limits; series keep their numbers.
  void reconfigure(std::vector<InputConfig> inputs, const LimitsConfig& limits);

  [[nodiscard]] const SeriesTable& series() const { return series_; }
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(series_);
  }

 private:
  void decode_value(const MessageView& message, const Content& content, Payload::Value& value,
                    Result& result);
  std::expected<SeriesId, Refusal> find_series(const Content& content, const std::string& metric);

  std::vector<InputConfig> inputs_;
  LimitsConfig limits_;
  SeriesTable series_;
};

}  // namespace lookout
