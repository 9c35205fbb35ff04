#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config.h"

namespace lookout {

/// Which archived messages a replay takes: what sensors sent on the inputs' topics, of them those that an
/// MQTT filter matches (empty: all). Never results, however an input is named.
class TopicFilter {
 public:
  TopicFilter(const std::vector<InputConfig>& inputs, std::string topics);

  [[nodiscard]] bool wants(std::string_view topic) const;
  /// Whether it takes less than everything that sensors sent.
  [[nodiscard]] bool narrows() const { return !topics_.empty(); }

 private:
  std::vector<std::string> inputs_;
  std::string topics_;
};

}  // namespace lookout
