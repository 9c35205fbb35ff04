#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/fault/contents.h"

namespace lookout::test {

/// Counts the PUBACKs that the clients of one program send, from the bytes of all connections (MQTT 3.1.1,
/// section 2.2): how many messages it says it has taken. Where it sees what they are sent too, it knows
/// which. Threading: take() and take_delivered() by the proxy's thread, the others by any.
class PubackCounter {
 public:
  /// `client`: what the client ids begin with.
  explicit PubackCounter(std::string client) : client_(std::move(client)) {}
  void take(std::size_t connection, std::string_view bytes);
  void take_delivered(std::size_t connection, std::string_view bytes);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// How many questions, as a client asks them of a silent broker, were answered on its subscribing
  /// connection since there was a message on it: after each the broker had nothing more for it, as it sends
  /// in order.
  [[nodiscard]] unsigned quiet_answers() const { return quiet_answers_; }
  /// What is in the messages that it says it has taken.
  [[nodiscard]] Contents acknowledged() const;
  /// How many of each topic.
  [[nodiscard]] std::map<std::string, std::uint64_t> acknowledged_by_topic() const;

 private:
  struct Message {
    std::string topic;
    std::size_t content = 0;
  };
  struct Connection {
    std::string sent{}, delivered{};  // the beginnings of packets that are not whole yet
    bool wanted = false, subscribes = false;
    // By packet id, of which Mosquitto 2.0.11 has several on their way once more than 65,535 messages are: it
    // takes a PUBACK for the oldest.
    std::multimap<unsigned, Message> in_flight{};
  };
  void take_sent_packet(Connection& connection, std::string_view packet);
  void take_delivered_packet(Connection& connection, std::string_view packet);

  const std::string client_;
  std::map<std::size_t, Connection> connections_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<unsigned> quiet_answers_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  Contents acknowledged_;
  std::map<std::string, std::uint64_t> topics_;
};

}  // namespace lookout::test
