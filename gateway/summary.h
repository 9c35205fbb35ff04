#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/result.h"
#include "gateway/condition.h"
#include "gateway/output.h"

namespace lookout {

/// A rule's summary: text with {group} {network} {region} {sensor} {window} {rule} {sensors} {start} {end}
/// and aggregates such as {temperature.mean:.1f}, whose format is that of std::format for a number.
class Summary {
 public:
  /// Fails with what is accepted; a template that parses never fails later.
  static Result<Summary> parse(const std::string& text);

  /// `sensors` is the number of sensors in the alert. A missing aggregate is written as "?".
  [[nodiscard]] std::string render(const std::string& rule, std::uint64_t sensors,
                                   const ClosedWindow& window) const;

 private:
  struct Number {
    AggregateName name;
    std::string format;  // "{:.1f}"
  };
  struct Word {
    std::string name;
  };
  using Piece = std::variant<std::string, Word, Number>;
  static Result<Piece> parse_field(const std::string& field);

  std::vector<Piece> pieces_;
};

}  // namespace lookout
