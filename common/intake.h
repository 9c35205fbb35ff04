#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config.h"
#include "common/journal_writer.h"
#include "common/mqtt_session.h"
#include "common/supervisor.h"

namespace lookout {

/// The subscribing session and the journal behind it: a message is acknowledged to the broker when, and only
/// when, it is in the journal. Where the journal cannot take one for 20 s the process ends with exit code 75,
/// so that the broker keeps the message; a disk whose sync fails ends it at once.
class Intake {
 public:
  /// The session is connected by the supervisor, whose start() comes after this. The journal is kept synced
  /// and its next segment ready by a thread of its own, the keeper, which never touches MQTT: a callback that
  /// waits for a segment holds the MQTT library's lock, and who waits for that lock must not be the one to
  /// make it.
  Intake(const Config& config, std::string client_id, std::vector<std::string> filters,
         JournalWriter& journal, Supervisor& supervisor);
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;
  ~Intake() {
    session_.reset();  // while the keeper lives: a callback may be waiting for it
    keeper_.stop();
  }

  /// Leaves the broker, which keeps the session and queues. After the supervisor has stopped.
  void close(std::chrono::milliseconds patience) { session_->close(patience); }

 private:
  using Clock = std::chrono::steady_clock;

  void take(const MessageView& message) noexcept;
  Clock::time_point prepare_journal(Clock::time_point now);
  void sync_journal();

  const std::uint64_t message_size_;
  JournalWriter& journal_;
  Supervisor keeper_;
  Clock::time_point next_try_ = Clock::time_point::min();  // of the keeper, as is what follows
  std::optional<Clock::time_point> complained_;
  std::unique_ptr<MqttSession> session_;
};

}  // namespace lookout
