#include "tests/property/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace lookout::test {
namespace {

std::uint64_t gaps_in_seq(const std::vector<Fact>& facts) {
  std::map<std::tuple<std::string, std::string, std::string>, std::set<std::uint64_t>> by_boot;
  for (const Fact& fact : facts) {
    if (fact.seq) by_boot[{fact.region, fact.sensor, fact.boot}].insert(*fact.seq);
  }
  std::uint64_t gaps = 0;
  for (const auto& [boot, seen] : by_boot) gaps += *seen.rbegin() - *seen.begin() + 1 - seen.size();
  return gaps;
}

// A relative error of 1e-9, with room for what has cancelled out.
bool near(double published, long double expected, long double magnitude) {
  return std::abs(published - expected) <= 1e-9L * std::abs(expected) + 1e-13L * magnitude;
}

}  // namespace

Figures compute(const std::vector<Fact>& facts, std::optional<double> over) {
  Figures figures;
  std::vector<double> values;
  std::set<std::pair<std::string, std::string>> sensors;
  for (const Fact& fact : facts) {
    values.push_back(fact.value);
    sensors.insert({fact.region, fact.sensor});
  }
  figures.count = facts.size();
  figures.sensors = sensors.size();
  figures.seq_gaps = gaps_in_seq(facts);
  const auto count = static_cast<long double>(facts.size());
  for (const double value : values) figures.sum += value;
  figures.mean = figures.sum / count;
  long double squares = 0;
  for (const double value : values) squares += (value - figures.mean) * (value - figures.mean);
  figures.stddev = std::sqrt(squares / count);
  figures.min = std::ranges::min(values);
  figures.max = std::ranges::max(values);
  figures.magnitude = std::max(std::abs(figures.min), std::abs(figures.max));
  const auto order = [](const Fact& fact) { return std::tie(fact.time, fact.sensor, fact.value); };
  figures.first = std::ranges::min_element(facts, {}, order)->value;
  figures.last = std::ranges::max_element(facts, {}, order)->value;
  if (over) {
    figures.over =
        static_cast<std::uint64_t>(std::ranges::count_if(values, [&](double v) { return v > *over; }));
  }
  return figures;
}

std::string difference(const MetricResult& published, const Figures& expected) {
  std::string text;
  const auto compare = [&](const char* name, const auto& actual, const auto& wanted, bool same) {
    if (!same) text += fmt::format(" {} {} instead of {}", name, actual, wanted);
  };
  const auto exact = [&](const char* name, const auto& actual, const auto& wanted) {
    compare(name, actual, wanted, actual == wanted);
  };
  const auto close = [&](const char* name, double actual, long double wanted, long double slack) {
    compare(name, actual, static_cast<double>(wanted), near(actual, wanted, slack));
  };
  exact("count", published.count, expected.count);
  exact("sensors", published.sensors, expected.sensors);
  exact("seq_gaps", published.seq_gaps, expected.seq_gaps);
  exact("min", published.min, expected.min);
  exact("max", published.max, expected.max);
  exact("first", published.first, expected.first);
  exact("last", published.last, expected.last);
  if (published.over.has_value() != expected.over.has_value()) text += " over is there or not";
  exact("over", published.over.value_or(0), expected.over.value_or(0));
  close("sum", published.sum, expected.sum, expected.magnitude * static_cast<long double>(expected.count));
  close("mean", published.mean, expected.mean, expected.magnitude);
  close("stddev", published.stddev, expected.stddev, expected.magnitude);
  return text;
}

}  // namespace lookout::test
