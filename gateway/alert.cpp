#include "gateway/alert.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace lookout {
namespace {

// Alertmanager's idea with a hash of ours: equal labels, equal fingerprint.
std::string fingerprint_of(const std::map<std::string, std::string>& labels) {
  std::string bytes;
  for (const auto& [name, value] : labels) {
    bytes += name;
    bytes += '\0';
    bytes += value;
    bytes += '\0';
  }
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace

std::expected<Alerts, std::vector<Problem>> Alerts::create(const std::vector<RuleConfig>& rules,
                                                           std::string box_id) {
  Alerts alerts;
  alerts.box_id_ = std::move(box_id);
  std::vector<Problem> problems;
  for (const RuleConfig& config : rules) {
    if (config.when.empty()) continue;  // already a problem of the file: it is missing there
    auto condition = Condition::parse(config.when);
    if (!condition) problems.push_back({config.when_place, condition.error()});
    auto summary = Summary::parse(config.summary);
    if (!summary) problems.push_back({config.summary_place, summary.error()});
    if (condition && summary)
      alerts.rules_.push_back({config, std::move(*condition), std::move(*summary), {}});
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return alerts;
}

void Alerts::evaluate(const ClosedWindow& window, std::vector<AlertChange>& changes) {
  if (!window.latest || window.retracted) return;
  for (Rule& rule : rules_) {
    if (rule.config.window != window.window || rule.config.by != window.group.by) continue;
    const auto holds = rule.condition->holds(window);
    if (!holds) continue;
    const std::string group = window.group.network + '/' + window.group.text();
    const auto known = rule.states.find(group);
    const bool was_firing = known != rule.states.end() && known->second.firing;
    if (!*holds && !was_firing) continue;
    State& state = rule.states[group];
    const Evidence evidence = evidence_of(*rule.condition, window);
    if (!was_firing) {
      std::string id = fmt::format("{}/{}/{}", rule.config.name, group, to_rfc3339(window.end));
      // Resolved by one correction and true again by the next, it is the same alert.
      const std::uint64_t revision = state.id == id ? state.revision + 1 : 0;
      state = {true, revision, std::move(id), window.end, evidence.metric.sensors};
    } else if (*holds && state.sensors == evidence.metric.sensors) {
      continue;
    } else {
      state.firing = *holds;
      state.sensors = evidence.metric.sensors;
      ++state.revision;
    }
    changes.push_back(describe(rule, state, window, evidence));
  }
}

// The first aggregate in the condition that the window has; one is there, or there had been no evaluation to
// speak of.
Alerts::Evidence Alerts::evidence_of(const Condition& condition, const ClosedWindow& window) {
  for (const AggregateName& name : condition.names()) {
    const auto metric = std::ranges::find(window.metrics, name.metric, &MetricResult::metric);
    if (metric != window.metrics.end()) return {*metric, *name.value_in(window)};
  }
  return {window.metrics.front(), 0};
}

AlertChange Alerts::describe(const Rule& rule, const State& state, const ClosedWindow& window,
                             const Evidence& evidence) const {
  AlertChange change;
  change.rule = rule.config.name;
  change.id = state.id;
  change.condition = rule.condition->text();
  change.window_id = window.id(evidence.metric.metric);
  change.revision = state.revision;
  change.firing = state.firing;
  change.group = window.group;
  change.labels = labels_of(rule.config, window.group);
  change.fingerprint = fingerprint_of(change.labels);
  change.summary = rule.summary.render(rule.config.name, state.sensors, window);
  change.starts_at = state.starts_at;
  if (!state.firing) change.ends_at = window.end;
  change.value = evidence.value;
  change.sensors = state.sensors;
  change.first_sensors = evidence.metric.first_sensors;
  change.event_time = evidence.metric.newest_event;
  change.arrived = evidence.metric.newest_arrival;
  change.decided = window.decided;
  return change;
}

std::map<std::string, std::string> Alerts::labels_of(const RuleConfig& rule, const GroupName& group) const {
  std::map<std::string, std::string> labels = rule.labels;
  labels["alertname"] = rule.name;
  labels["severity"] = rule.severity;
  labels["box"] = box_id_;
  labels["network"] = group.network;
  if (!group.region.empty()) labels["region"] = group.region;
  if (!group.sensor.empty()) labels["sensor"] = group.sensor;
  return labels;
}

std::size_t Alerts::firing() const {
  std::size_t count = 0;
  for (const Rule& rule : rules_) {
    count += static_cast<std::size_t>(
        std::ranges::count_if(rule.states, [](const auto& entry) { return entry.second.firing; }));
  }
  return count;
}

}  // namespace lookout
