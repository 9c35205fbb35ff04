#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>

namespace lookout {

/// The offsets of the last so many messages: who comes again soon is a repeat. Threading: one owner.
class RecentOffsets {
 public:
  static constexpr std::size_t kRemembered = 4096;

  /// Whether it is not one of them; then it is from now on.
  bool insert(std::uint64_t offset) {
    if (!known_.insert(offset).second) return false;
    order_.push_back(offset);
    if (order_.size() > kRemembered) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(order_);
    known_.insert(order_.begin(), order_.end());
  }

 private:
  std::deque<std::uint64_t> order_;
  std::unordered_set<std::uint64_t> known_;
};

}  // namespace lookout
