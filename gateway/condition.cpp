// The one door to muParser.
#include "gateway/condition.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lookout {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct Field {
  std::string_view name;
  double (*get)(const MetricResult&);
};

constexpr std::array<Field, 11> kFields{{
    {"count", [](const MetricResult& r) { return static_cast<double>(r.count); }},
    {"sensors", [](const MetricResult& r) { return static_cast<double>(r.sensors); }},
    {"sum", [](const MetricResult& r) { return r.sum; }},
    {"mean", [](const MetricResult& r) { return r.mean; }},
    {"min", [](const MetricResult& r) { return r.min; }},
    {"max", [](const MetricResult& r) { return r.max; }},
    {"stddev", [](const MetricResult& r) { return r.stddev; }},
    {"first", [](const MetricResult& r) { return r.first; }},
    {"last", [](const MetricResult& r) { return r.last; }},
    {"seq_gaps", [](const MetricResult& r) { return static_cast<double>(r.seq_gaps); }},
    {"over", [](const MetricResult& r) { return r.over ? static_cast<double>(*r.over) : kMissing; }},
}};

constexpr const char* kNameCharacters = "0123456789_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// muParser's own operators would make an assignment of "=" and a truth of "missing != 0": these are all there
// are. A missing aggregate is NaN, and every comparison with it is false.
struct Operator {
  const char* symbol;
  double (*apply)(double, double);
  unsigned precedence;
};

double truth(bool value) { return value ? 1 : 0; }
bool is_true(double value) { return !std::isnan(value) && value != 0; }

constexpr std::array<Operator, 12> kOperators{{
    {"or", [](double a, double b) { return truth(is_true(a) || is_true(b)); }, mu::prLOR},
    {"and", [](double a, double b) { return truth(is_true(a) && is_true(b)); }, mu::prLAND},
    {"<", [](double a, double b) { return truth(a < b); }, mu::prCMP},
    {">", [](double a, double b) { return truth(a > b); }, mu::prCMP},
    {"<=", [](double a, double b) { return truth(a <= b); }, mu::prCMP},
    {">=", [](double a, double b) { return truth(a >= b); }, mu::prCMP},
    {"==", [](double a, double b) { return truth(a == b); }, mu::prCMP},
    {"!=", [](double a, double b) { return truth(a < b || a > b); }, mu::prCMP},
    {"+", [](double a, double b) { return a + b; }, mu::prADD_SUB},
    {"-", [](double a, double b) { return a - b; }, mu::prADD_SUB},
    {"*", [](double a, double b) { return a * b; }, mu::prMUL_DIV},
    {"/", [](double a, double b) { return a / b; }, mu::prMUL_DIV},
}};

}  // namespace

struct Condition::Expression {
  mu::Parser parser;
};

Result<AggregateName> AggregateName::parse(const std::string& text) {
  const auto dot = text.rfind('.');
  if (dot != std::string::npos && dot > 0) {
    AggregateName name{text.substr(0, dot), text.substr(dot + 1)};
    if (std::ranges::find(kFields, name.aggregate, &Field::name) != kFields.end()) return name;
  }
  std::string fields;
  for (const Field& field : kFields) fields += fmt::format(" .{}", field.name);
  return Failure(
      fmt::format("'{}' is no aggregate: accepted is a metric followed by one of{}", text, fields));
}

std::optional<double> AggregateName::value_in(const ClosedWindow& window) const {
  const auto result = std::ranges::find(window.metrics, metric, &MetricResult::metric);
  if (result == window.metrics.end()) return std::nullopt;
  const double value = std::ranges::find(kFields, aggregate, &Field::name)->get(*result);
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

Condition::Condition() = default;
Condition::~Condition() = default;

Result<std::unique_ptr<Condition>> Condition::parse(const std::string& text) {
  std::unique_ptr<Condition> condition(new Condition());
  condition->text_ = text;
  condition->expression_ = std::make_unique<Expression>();
  mu::Parser& parser = condition->expression_->parser;
  try {
    parser.DefineNameChars(kNameCharacters);
    parser.EnableBuiltInOprt(false);
    for (const auto& [symbol, apply, precedence] : kOperators) parser.DefineOprt(symbol, apply, precedence);
    parser.DefineInfixOprtChars("!-+abcdefghijklmnopqrstuvwxyz");  // its default has no letters
    parser.DefineInfixOprt("not", [](double a) { return truth(!is_true(a)); });
    parser.SetExpr(text);
    const mu::varmap_type used = parser.GetUsedVar();  // a copy: DefineVar empties the original
    for (const auto& [variable, unused] : used) {
      auto name = AggregateName::parse(variable);
      if (!name) return Failure(name.error());
      condition->names_.push_back(std::move(*name));
      condition->slots_.push_back(0);
      parser.DefineVar(variable, &condition->slots_.back());
    }
    int results = 0;
    parser.Eval(results);
    if (results != 1)
      return Failure(fmt::format("'{}' is more than one condition: join them with and, or", text));
  } catch (const mu::Parser::exception_type& error) {
    return Failure(
        fmt::format("'{}' is no condition: {} (an example is \"temperature.mean > 35 and smoke.mean > 20\")",
                    text, error.GetMsg()));
  }
  if (condition->names_.empty())
    return Failure(fmt::format("'{}' names no aggregate such as temperature.mean", text));
  return condition;
}

std::optional<bool> Condition::holds(const ClosedWindow& window) {
  bool complete = true;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto value = names_[i].value_in(window);
    complete = complete && value.has_value();
    slots_[i] = value.value_or(kMissing);
  }
  const bool result = is_true(expression_->parser.Eval());
  if (!result && !complete) return std::nullopt;
  return result;
}

}  // namespace lookout
