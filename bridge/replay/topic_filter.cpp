#include "bridge/replay/topic_filter.h"

#include <algorithm>

#include "bridge/subscriptions.h"

namespace lookout {

TopicFilter::TopicFilter(const std::vector<InputConfig>& inputs, std::string topics)
    : topics_(std::move(topics)) {
  for (const InputConfig& input : inputs) inputs_.push_back(input.topic.filter());
}

bool TopicFilter::wants(std::string_view topic) const {
  if (origin_of(topic) != Origin::sensor || (!topics_.empty() && !topic_matches(topics_, topic)))
    return false;
  return std::ranges::any_of(inputs_, [&](const std::string& input) { return topic_matches(input, topic); });
}

}  // namespace lookout
