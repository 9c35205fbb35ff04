#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/fault/site.h"

namespace lookout::test {

/// "firing", "resolved", "firing" ...: what became of the region's alert of the site's rule, where the mean
/// of its windows says so.
inline std::vector<std::string> expected_alert_states(const Batch& batch, const std::string& region) {
  constexpr double kHot = 35;           // the site's rule
  std::map<std::string, double> means;  // by id, which ends with the window's start
  for (const auto& [id, figures] : batch.results()) {
    if (id.find("/r/" + region + "/temperature/") != std::string::npos)
      means[id] = static_cast<double>(figures.sum) / static_cast<double>(figures.count);
  }
  std::vector<std::string> states;
  for (const auto& [id, mean] : means) {
    const bool firing = !states.empty() && states.back() == "firing";
    if (firing != (mean > kHot)) states.emplace_back(firing ? "resolved" : "firing");
  }
  return states;
}

/// What was seen of it; a new revision for another reason is no change.
inline std::vector<std::string> alert_states_without_repeats(const Outputs& outputs,
                                                             const std::string& region) {
  std::vector<std::string> states;
  for (const std::string& seen : outputs.alert_states()) {
    const std::string state = seen.substr(0, seen.find(' '));
    if (seen.ends_with("/" + region) && (states.empty() || states.back() != state)) states.push_back(state);
  }
  return states;
}

}  // namespace lookout::test
