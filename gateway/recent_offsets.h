#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace lookout {

/// The offsets of the last so many messages: who comes again soon is a repeat.
///
/// A broker hands over again whatever was not acknowledged to it, as many messages as MQTT has packet ids
/// (65,535), behind the last that came; and who sends may say again, behind those, what the broker had not
/// acknowledged to him. Twice the ids covers both. Takes 1 MiB, and little more where offsets lie close
/// together; 7 MiB where no two lie within 64. Threading: one owner.
class RecentOffsets {
 public:
  static constexpr std::size_t kRemembered = 131'072;

  /// Whether it is not one of them; then it is from now on.
  bool insert(std::uint64_t offset) {
    if (!mark(offset)) return false;
    order_.push_back(offset);
    if (order_.size() > kRemembered) {
      forget(order_.front());
      order_.pop_front();
    }
    return true;
  }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(order_);
    for (const std::uint64_t offset : order_) mark(offset);
  }

 private:
  static constexpr std::uint64_t kBits = 64;
  static std::uint64_t bit_of(std::uint64_t offset) { return std::uint64_t{1} << (offset % kBits); }

  bool mark(std::uint64_t offset) {
    std::uint64_t& bits = known_[offset / kBits];
    const bool is_new = (bits & bit_of(offset)) == 0;
    bits |= bit_of(offset);
    return is_new;
  }
  void forget(std::uint64_t offset) {
    const auto bits = known_.try_emplace(offset / kBits).first;
    bits->second &= ~bit_of(offset);
    if (bits->second == 0) known_.erase(bits);
  }

  std::deque<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::uint64_t> known_;  // offset / 64 -> a bit for each offset
};

}  // namespace lookout
