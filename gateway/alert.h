#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
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

  [[nodiscard]] std::size_t firing() const;

 private:
  struct State {
    bool firing = false;
    std::uint64_t revision = 0;
    std::string id;
    Timestamp starts_at;
    std::uint64_t sensors = 0;
  };
  struct Rule {
    RuleConfig config;
    std::unique_ptr<Condition> condition;
    Summary summary;
    std::unordered_map<std::string, State> states;  // by network/group
  };
  struct Evidence {
    const MetricResult& metric;
    double value;
  };
  Alerts() = default;
  static Evidence evidence_of(const Condition& condition, const ClosedWindow& window);
  AlertChange describe(const Rule& rule, const State& state, const ClosedWindow& window,
                       const Evidence& evidence) const;
  [[nodiscard]] std::map<std::string, std::string> labels_of(const RuleConfig& rule,
                                                             const GroupName& group) const;

  std::string box_id_;
  std::vector<Rule> rules_;
};

}  // namespace lookout
