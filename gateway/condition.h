#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "gateway/output.h"

namespace lookout {

/// A named aggregate of a metric, as in "temperature.mean".
struct AggregateName {
  std::string metric, aggregate;
  /// Splits at the last dot. Fails with the aggregates there are.
  static Result<AggregateName> parse(const std::string& text);
  /// Nothing when the window has no such metric.
  [[nodiscard]] std::optional<double> value_in(const ClosedWindow& window) const;
};

/// A rule's condition: an arithmetic and logical expression over the aggregates of one window, such as
/// "temperature.mean > 35 and smoke.mean > 20". muParser evaluates it. Operators: or, and,
/// < > <= >= == !=, + -, * /, not. Threading: one owner.
class Condition {
 public:
  static Result<std::unique_ptr<Condition>> parse(const std::string& text);
  ~Condition();

  /// Nothing: false while an aggregate it names is missing, which says nothing about the state of things.
  [[nodiscard]] std::optional<bool> holds(const ClosedWindow& window);
  [[nodiscard]] const std::string& text() const { return text_; }
  /// The aggregates it names, by name; at least one.
  [[nodiscard]] const std::vector<AggregateName>& names() const { return names_; }

 private:
  struct Expression;
  Condition();

  std::string text_;
  std::vector<AggregateName> names_;
  std::deque<double> slots_;  // one per name; the expression points to them
  std::unique_ptr<Expression> expression_;
};

}  // namespace lookout
