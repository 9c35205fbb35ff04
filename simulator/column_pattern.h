#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace lookout {

/// What a column's name says; nothing where the pattern does not capture it. As it stands in the table.
struct ColumnNames {
  std::optional<std::string_view> region, sensor, metric;
};

/// How the columns of a table are named: text with the captures {region}, {sensor} and {metric}, each at most
/// once, with text between them; {sensor} must be there. A capture takes as little as it can, at least one
/// character; the last one takes the rest.
class ColumnPattern {
 public:
  static Result<ColumnPattern> parse(std::string_view text);

  /// Nothing when the name does not fit. The views point into `name`.
  [[nodiscard]] std::optional<ColumnNames> match(std::string_view name) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Part {
    std::optional<std::string_view> ColumnNames::* capture = nullptr;  ///< null: the literal
    std::string literal;
  };
  Result<void> add_capture(std::string_view name);
  [[nodiscard]] std::size_t end_of_capture(std::size_t part, std::string_view name, std::size_t begin) const;

  std::string text_;
  std::vector<Part> parts_;  // never two captures side by side
};

/// Makes a valid name of any text but an empty one: lower case, one '-' for what is not allowed, cut to 64
/// bytes.
std::string clean_name(std::string_view text);

}  // namespace lookout
