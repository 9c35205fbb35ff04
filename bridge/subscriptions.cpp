#include "bridge/subscriptions.h"

#include <algorithm>

namespace lookout {

std::vector<std::string> subscriptions(const Config& config) {
  std::vector<std::string> filters;
  const auto add = [&](const std::string& filter) {
    if (std::ranges::find(filters, filter) == filters.end()) filters.push_back(filter);
  };
  for (const InputConfig& input : config.inputs) add(input.topic.filter());
  for (const char* own : {"aggregates/#", "alerts/#", "late/#", "rejected/#"}) add(own);
  return filters;
}

Origin origin_of(std::string_view topic) {
  const std::string_view first = topic.substr(0, topic.find('/'));
  if (first == "aggregates") return Origin::aggregate;
  return first == "alerts" || first == "late" || first == "rejected" ? Origin::result : Origin::sensor;
}

}  // namespace lookout
