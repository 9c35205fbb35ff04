#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "common/mqtt_session.h"

namespace lookout {

/// Publishes in order, at least once: what the broker has not acknowledged is kept and, after each reconnect,
/// sent again from the oldest on. Bounded: publish() and gather() wait while `capacity` messages or 16 MiB
/// are unacknowledged.
///
/// Threading: publish(), gather() and flush() by any thread, those of one go out in its order; on_connected()
/// and on_lost() by the thread that steps the session; acknowledgements arrive on the MQTT library's thread.
class Outbox {
 public:
  /// Called for each acknowledged message in the order of publishing, on the MQTT library's thread, with its
  /// tag.
  using OnAcknowledged = std::function<void(std::uint64_t tag)>;

  Outbox(std::size_t capacity, OnAcknowledged on_acknowledged);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// The session to send through; set once, before anything else is called. It must outlive the last call.
  void use(MqttSession& session) { session_ = &session; }

  /// Takes a message; false, without taking it, when `stop` was requested while waiting for room.
  bool publish(Outgoing message, std::uint64_t tag, const std::stop_token& stop);
  /// The same for one that more will follow at once: it is sent with the next that is published, by flush(),
  /// or when there is no more room. Each message that is handed to the MQTT library alone wakes its sending
  /// thread anew.
  bool gather(Outgoing message, std::uint64_t tag, const std::stop_token& stop);
  /// Sends what was gathered.
  void flush();

  void on_connected();
  void on_lost();

  [[nodiscard]] std::size_t unacknowledged() const;
  /// Copies of them with their tags, oldest first.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, Outgoing>> unacknowledged_messages() const;
  /// Waits until this message and all before it are acknowledged; false when `stop` was requested first.
  bool await_acknowledged(std::uint64_t tag, const std::stop_token& stop);
  /// Waits until everything is acknowledged or the deadline passes; whether it is.
  bool drain(std::chrono::steady_clock::time_point deadline);

 private:
  struct Entry final : PublishReceipt {
    Entry(Outbox& box, Outgoing content, std::uint64_t number)
        : owner(box), message(std::move(content)), tag(number) {}
    void acknowledged() noexcept override { owner.acknowledge(*this); }
    Outbox& owner;
    Outgoing message;
    std::uint64_t tag;
    bool done = false;
  };

  void acknowledge(Entry& entry) noexcept;

  const std::size_t capacity_;
  const OnAcknowledged on_acknowledged_;
  MqttSession* session_ = nullptr;

  std::mutex sending_;        // one sender at a time, in order; never taken in a callback
  mutable std::mutex mutex_;  // guards what follows; never held while the session is called
  std::condition_variable_any changed_;
  std::deque<Entry> entries_;  // unacknowledged, oldest first: addresses are stable in a deque
  std::size_t bytes_ = 0;      // of their topics and payloads
  std::size_t unsent_ = 0;     // index of the first entry not yet handed to this connection
  bool connected_ = false;
};

}  // namespace lookout
