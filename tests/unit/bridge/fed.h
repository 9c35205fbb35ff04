#pragma once

#include "bridge/archive/archive_feed.h"

namespace lookout::test {

/// All that is fed.
struct Fed final : FeedReceiver {
  std::vector<ArchivedMessage> messages;
  std::vector<Gap> gaps;

  bool take(ArchivedMessage& message) override {
    messages.push_back(std::move(message));
    return true;
  }
  void take(const Gap& gap) override { gaps.push_back(gap); }
};

}  // namespace lookout::test
