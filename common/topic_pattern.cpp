#include "common/topic_pattern.h"

#include <fmt/format.h>

#include <array>

namespace lookout {
namespace {

/// Walks over the levels of a topic without copying them.
class Levels {
 public:
  explicit Levels(std::string_view topic) : rest_(topic) {}
  std::optional<std::string_view> next() {
    if (done_) return std::nullopt;
    const auto slash = rest_.find('/');
    done_ = slash == std::string_view::npos;
    const std::string_view level = rest_.substr(0, slash);
    if (!done_) rest_.remove_prefix(slash + 1);
    return level;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace

Result<TopicPattern::Part> TopicPattern::parse_level(std::string_view level) {
  static constexpr std::array<std::pair<std::string_view, Level>, 5> kKinds{{{"+", Level::any},
                                                                             {"{network}", Level::network},
                                                                             {"{region}", Level::region},
                                                                             {"{sensor}", Level::sensor},
                                                                             {"{metric}", Level::metric}}};
  for (const auto& [name, kind] : kKinds) {
    if (level == name) return Part{kind, {}};
  }
  if (level.empty() || level.find_first_of("{}+#") != std::string_view::npos) {
    return Failure(
        fmt::format("'{}' is no topic level: accepted are plain text, +, {{network}}, {{region}}, "
                    "{{sensor}} and {{metric}}",
                    level));
  }
  return Part{Level::literal, std::string(level)};
}

Result<TopicPattern> TopicPattern::parse(std::string_view text) {
  TopicPattern pattern;
  pattern.text_ = text;
  Levels levels(text);
  while (const auto level = levels.next()) {
    auto part = parse_level(*level);
    if (!part) return Failure(std::move(part.error()));
    for (const Part& earlier : pattern.parts_) {
      if (part->level != Level::literal && part->level != Level::any && earlier.level == part->level) {
        return Failure(fmt::format("{} stands twice in '{}'", *level, text));
      }
    }
    if (!pattern.filter_.empty()) pattern.filter_ += '/';
    pattern.filter_ += part->level == Level::literal ? part->literal : "+";
    pattern.parts_.push_back(std::move(*part));
  }
  const Part& first = pattern.parts_.front();
  if (first.level != Level::literal) {
    return Failure(
        fmt::format("'{}' begins with a wildcard and would take in Lookout's own topics: "
                    "begin with plain text, such as sensors/",
                    text));
  }
  for (const std::string_view own : {"aggregates", "alerts", "late", "rejected", "lookout", "replay"}) {
    if (first.literal == own)
      return Failure(fmt::format("'{}': {}/ is one of Lookout's own topics", text, own));
  }
  return pattern;
}

std::optional<TopicNames> TopicPattern::match(std::string_view topic) const {
  TopicNames names;
  Levels levels(topic);
  for (const Part& part : parts_) {
    const auto level = levels.next();
    if (!level) return std::nullopt;
    switch (part.level) {
      case Level::literal:
        if (*level != part.literal) return std::nullopt;
        break;
      case Level::any:
        break;
      case Level::network:
        names.network = *level;
        break;
      case Level::region:
        names.region = *level;
        break;
      case Level::sensor:
        names.sensor = *level;
        break;
      case Level::metric:
        names.metric = *level;
        break;
    }
  }
  if (levels.next()) return std::nullopt;
  return names;
}

bool topic_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && !filter.starts_with('$')) return false;
  Levels wanted(filter);
  Levels actual(topic);
  while (const auto want = wanted.next()) {
    if (*want == "#") return true;
    const auto level = actual.next();
    if (!level || (*want != "+" && *want != *level)) {
      return false;
    }
    // "a/#" matches "a" itself: the wildcard includes the parent level.
    if (Levels rest = wanted; rest.next() == "#") {
      if (Levels left = actual; !left.next()) return true;
    }
  }
  return !actual.next();
}

bool is_valid_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65535 || filter.find('\0') != std::string_view::npos) return false;
  Levels levels(filter);
  bool ended = false;
  while (const auto level = levels.next()) {
    if (ended) return false;
    ended = *level == "#";
    if (level->size() > 1 && level->find_first_of("+#") != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace lookout
