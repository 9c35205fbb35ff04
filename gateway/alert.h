#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/config.h"
#include "gateway/condition.h"
#include "gateway/output.h"
#include "gateway/summary.h"

namespace lookout {

/// The step alert: rules over closed windows. Every closed window of a rule's group is one evaluation, and so
/// is a correction of the latest; a group whose condition holds fires, one whose condition no longer holds is
/// resolved, and one without evaluations stays as it is. Deterministic; looks at no clock. Threading: one
/// owner.
class Alerts {
 public:
  /// Fails with every rule whose condition or summary cannot be understood.
  static std::expected<Alerts, std::vector<Problem>> create(const std::vector<RuleConfig>& rules,
                                                            std::string box_id);

  /// Evaluates the rules of this window's group and appends what changed, in the order of configuration.
  void evaluate(const ClosedWindow& window, std::vector<AlertChange>& changes);

  [[nodiscard]] const std::string& box_id() const { return box_id_; }
  [[nodiscard]] std::size_t firing() const;
  /// What every alert that ever fired told last, by rule and group.
  [[nodiscard]] std::vector<AlertChange> current() const;

  /// Goes on where `before`, under another configuration, has come to: a rule of the same name has its
  /// alerts, also when it was gone meanwhile. An alert is resolved where its rule is gone or says something
  /// else now.
  void take_over(const Alerts& before, Timestamp decided, std::vector<AlertChange>& changes);

  /// Writes the state, or reads it (snapshot.h) into the alerts of the same rules.
  template <typename Archive>
  void serialize(Archive& archive) {
    for (Rule& rule : rules_) archive(rule.states);
    archive(gone_);
  }

 private:
  using States = std::map<std::string, AlertChange>;  // what each told last, by network/group
  struct Rule {
    RuleConfig config;
    std::unique_ptr<Condition> condition;
    Summary summary;
    States states;
  };
  struct Evidence {
    const MetricResult& metric;
    double value;
  };
  Alerts() = default;
  static Evidence evidence_of(const Condition& condition, const ClosedWindow& window);
  void describe(const Rule& rule, AlertChange& change, const ClosedWindow& window,
                const Evidence& evidence) const;
  [[nodiscard]] std::map<std::string, std::string> labels_of(const RuleConfig& rule,
                                                             const GroupName& group) const;

  std::string box_id_;
  std::vector<Rule> rules_;
  std::map<std::string, States> gone_;  // of rules that are not configured any more; all are resolved
};

}  // namespace lookout
