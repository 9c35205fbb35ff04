#pragma once

#include <memory>
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
  /// The journal is kept synced and its next segment ready by the supervisor, whose start() comes after this.
  Intake(const Config& config, std::string client_id, std::vector<std::string> filters,
         JournalWriter& journal, Supervisor& supervisor);

  /// Leaves the broker, which keeps the session and queues. After the supervisor has stopped.
  void close(std::chrono::milliseconds patience) { session_->close(patience); }

 private:
  void take(const MessageView& message) noexcept;
  void sync_journal();

  const std::uint64_t message_size_;
  JournalWriter& journal_;
  Supervisor& supervisor_;
  std::unique_ptr<MqttSession> session_;
};

}  // namespace lookout
