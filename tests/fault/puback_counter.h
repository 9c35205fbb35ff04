#pragma once

#include <atomic>
#include <map>
#include <string>
#include <string_view>

namespace lookout::test {

/// Counts the PUBACKs that clients send, from the bytes of their connections (MQTT 3.1.1, section 2.2): how
/// many messages they say they have taken.
class PubackCounter {
 public:
  void take(std::size_t connection, std::string_view bytes);
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::map<std::size_t, std::string> unread_;  // the beginning of a packet that is not whole yet
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace lookout::test
