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
    const Evidence evidence = evidence_of(*rule.condition, window);
    if (was_firing && *holds && known->second.sensors == evidence.metric.sensors) continue;
    AlertChange& alert = rule.states[group];
    if (!was_firing) {
      std::string id = fmt::format("{}/{}/{}", rule.config.name, group, to_rfc3339(window.end));
      // Resolved by one correction and true again by the next, it is the same alert.
      alert.revision = alert.id == id ? alert.revision + 1 : 0;
      alert.id = std::move(id);
      alert.starts_at = window.end;
    } else {
      ++alert.revision;
    }
    alert.firing = *holds;
    describe(rule, alert, window, evidence);
    changes.push_back(alert);
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

void Alerts::describe(const Rule& rule, AlertChange& change, const ClosedWindow& window,
                      const Evidence& evidence) const {
  change.rule = rule.config.name;
  change.condition = rule.condition->text();
  change.window_id = window.id(evidence.metric.metric);
  change.group = window.group;
  change.labels = labels_of(rule.config, window.group);
  change.fingerprint = fingerprint_of(change.labels);
  change.sensors = evidence.metric.sensors;
  change.summary = rule.summary.render(rule.config.name, change.sensors, window);
  change.ends_at = change.firing ? std::nullopt : std::optional(window.end);
  change.value = evidence.value;
  change.first_sensors = evidence.metric.first_sensors;
  change.event_time = evidence.metric.newest_event;
  change.arrived = evidence.metric.newest_arrival;
  change.decided = window.decided;
}

void Alerts::take_over(const Alerts& before, Timestamp decided, std::vector<AlertChange>& changes) {
  gone_ = before.gone_;
  for (const Rule& old : before.rules_) {
    const auto now =
        std::ranges::find(rules_, old.config.name, [](const Rule& rule) { return rule.config.name; });
    const bool stays = now != rules_.end() && now->config.window == old.config.window &&
                       now->config.by == old.config.by && now->config.when == old.config.when;
    States& states = now != rules_.end() ? now->states : gone_[old.config.name];
    for (auto [group, alert] : old.states) {
      if (alert.firing && !stays) {
        alert.firing = false;
        alert.ends_at = alert.decided = decided;
        ++alert.revision;
        changes.push_back(alert);
      }
      states[group] = std::move(alert);
    }
  }
  // What is back gives no id a second time.
  for (Rule& rule : rules_) {
    if (auto back = gone_.extract(rule.config.name)) rule.states.merge(back.mapped());
  }
}

std::vector<AlertChange> Alerts::current() const {
  std::vector<AlertChange> all;
  for (const Rule& rule : rules_) {
    for (const auto& [group, alert] : rule.states) all.push_back(alert);
  }
  return all;
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
