#pragma once

#include <atomic>
#include <map>
#include <string>
#include <string_view>

namespace lookout::test {

/// Counts the PUBACKs that the clients of one program send, from the bytes of all connections (MQTT 3.1.1,
/// section 2.2): how many messages it says it has taken.
class PubackCounter {
 public:
  /// `client`: what the client ids begin with.
  explicit PubackCounter(std::string client) : client_(std::move(client)) {}
  void take(std::size_t connection, std::string_view bytes);
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  struct Connection {
    std::string unread{};  // the beginning of a packet that is not whole yet
    bool wanted = false;
  };
  void take_packet(Connection& connection, std::string_view packet);

  const std::string client_;
  std::map<std::size_t, Connection> connections_;
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace lookout::test
