#pragma once

#include <MQTTAsync.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace lookout::bench {

/// Paho C with as little around it as a program can have: the limit that ours are measured against.
/// MQTT 3.1.1, QoS 1, no persistence. Ends the program where the broker refuses something.
///
/// Threading: one owner; on_message comes on Paho's thread, and the PUBACK goes out when it returns.
class BareClient {
 public:
  using OnMessage = std::function<void(std::string_view topic, std::string_view payload)>;

  /// Returns when connected. A durable session (clean_session 0) outlives the client in the broker.
  BareClient(std::uint16_t port, const std::string& id, bool durable = false, OnMessage on_message = {});
  BareClient(const BareClient&) = delete;
  BareClient& operator=(const BareClient&) = delete;
  ~BareClient();

  /// Returns when the broker has agreed.
  void subscribe(const std::string& filter);
  /// Waits while 4,096 messages are unacknowledged.
  void publish(const std::string& topic, std::string_view payload);
  /// Waits until all that was published is acknowledged.
  void flush();

 private:
  void done(std::uint64_t BareClient::* counter);
  template <typename Condition>
  void wait(Condition condition);

  const OnMessage on_message_;
  MQTTAsync client_ = nullptr;
  std::uint64_t sent_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t answered_ = 0;  // connects, subscriptions and disconnects that the broker agreed to
  std::uint64_t acknowledged_ = 0;
};

}  // namespace lookout::bench
