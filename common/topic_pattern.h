#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace lookout {

/// The four names that a topic can give to its readings. Nothing where the pattern does not capture it.
struct TopicNames {
  std::optional<std::string_view> network, region, sensor, metric;
};

/// An input's topic with named captures, e.g. `sensors/{network}/{region}/{sensor}/{metric}`.
/// A level is a literal, `{network}`, `{region}`, `{sensor}`, `{metric}` or the MQTT wildcard `+` (matched,
/// not captured).
class TopicPattern {
 public:
  /// Fails with what is accepted: unknown or repeated capture, `#`, empty pattern, a first level that is a
  /// wildcard (it would subscribe to Lookout's own topics).
  static Result<TopicPattern> parse(std::string_view text);

  /// The MQTT filter to subscribe to: each capture is a `+`.
  [[nodiscard]] const std::string& filter() const { return filter_; }
  [[nodiscard]] const std::string& text() const { return text_; }

  /// Nothing when the topic does not fit. The views point into `topic`. Names are not validated here.
  [[nodiscard]] std::optional<TopicNames> match(std::string_view topic) const;

 private:
  enum class Level { literal, any, network, region, sensor, metric };
  struct Part {
    Level level;
    std::string literal;
  };
  static Result<Part> parse_level(std::string_view level);

  std::string text_, filter_;
  std::vector<Part> parts_;
};

/// Whether an MQTT topic filter (`+`, `#`) matches a topic, by the rules of MQTT 3.1.1 section 4.7.
bool topic_matches(std::string_view filter, std::string_view topic);

/// Whether a text is a well-formed MQTT topic filter.
bool is_valid_filter(std::string_view filter);

}  // namespace lookout
