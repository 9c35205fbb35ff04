// The one door to muParser.
#include "gateway/condition.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <array>
#include <limits>

namespace lookout {
namespace {

struct Field {
  std::string_view name;
  double (*get)(const MetricResult&);
};

constexpr std::array<Field, 10> kFields{{
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
}};

constexpr const char* kNameCharacters = "0123456789_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

double logical_and(double a, double b) { return a != 0 && b != 0 ? 1 : 0; }
double logical_or(double a, double b) { return a != 0 || b != 0 ? 1 : 0; }
double logical_not(double a) { return a == 0 ? 1 : 0; }

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
  return std::ranges::find(kFields, aggregate, &Field::name)->get(*result);
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
    parser.DefineOprt("or", logical_or, mu::prLOR);
    parser.DefineOprt("and", logical_and, mu::prLAND);
    parser.DefineInfixOprtChars("!-+abcdefghijklmnopqrstuvwxyz");  // its default has no letters
    parser.DefineInfixOprt("not", logical_not);
    parser.SetExpr(text);
    const mu::varmap_type used = parser.GetUsedVar();  // a copy: DefineVar empties the original
    for (const auto& [variable, unused] : used) {
      auto name = AggregateName::parse(variable);
      if (!name) return Failure(name.error());
      condition->names_.push_back(std::move(*name));
      condition->slots_.push_back(0);
      parser.DefineVar(variable, &condition->slots_.back());
    }
    parser.Eval();
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
    // Every comparison with NaN is false, which is what a missing aggregate means.
    slots_[i] = value.value_or(std::numeric_limits<double>::quiet_NaN());
  }
  const bool result = expression_->parser.Eval() != 0;
  if (!result && !complete) return std::nullopt;
  return result;
}

}  // namespace lookout
