#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/clock_trust.h"
#include "common/complaint.h"
#include "common/config.h"
#include "common/connected_clock.h"
#include "common/journal_writer.h"
#include "common/mqtt_session.h"
#include "common/supervisor.h"

namespace lookout {

/// The subscribing session and the journal behind it: a message is acknowledged to the broker when, and only
/// when, it is in the journal. Where the journal cannot take one for 20 s, or for 1 s where the disk is full
/// or the end near, the process ends with exit code 75, so that the broker keeps the message; a disk whose
/// sync fails ends it at once.
///
/// Above the journal's high-water mark the session leaves the broker, which queues, and below the low-water
/// mark it comes back: who publishes through a session of its own is not held up meanwhile. It leaves as well
/// where the disk has no room for the journal's next segment, when half of the present one is full: what is
/// on its way then still fits. The other half is for records that say what time it is. A journal
/// of more than four segments leaves a sixteenth of the disk, at most 128 MiB: who reads it needs some room
/// to work it off (snapshots, an archive), and before that nothing is trimmed.
///
/// Every record is stamped with the time in its three parts (journal_format.h). For who computes with time,
/// changes of the link and of the clock's trust are records of their own, right before the first record that
/// comes after them, and the configuration is the first record of a start, whenever there is room for it. A
/// link that comes up says whether the broker had kept the session.
class Intake {
 public:
  struct Options {
    std::string client_id;
    std::vector<std::string> filters;
    bool record_link_and_clock = false;
    std::filesystem::path filters_file{};  ///< as in SessionOptions
    std::string configuration{};           ///< where not empty, the payload of a record before all others
    std::function<void()> on_last_words = [] {};  ///< before the process ends with everything synced
  };

  /// The session is connected by the supervisor, whose start() comes after this. The journal's next segment
  /// is kept ready by a thread of its own, the keeper, which never touches MQTT: a callback that waits for a
  /// segment holds the MQTT library's lock, and who waits for that lock must not be the one to make it. It is
  /// synced by another one, which a slow disk may hold up for seconds.
  Intake(const Config& config, Options options, JournalWriter& journal, Supervisor& supervisor);
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;
  ~Intake() {
    session_.reset();  // while the keeper lives: a callback may be waiting for it
    keeper_.stop();
    syncer_.stop();
  }

  /// Leaves the broker, which keeps the session and queues. After the supervisor has stopped.
  void close(std::chrono::milliseconds patience);
  /// The end is near: a message that the journal cannot take no longer holds it up.
  void hurry() { hurried_ = true; }

  /// Whether the journal is above its high-water mark. From any thread, as the next two.
  [[nodiscard]] bool is_full() const { return full_; }
  /// Whether the journal's next segment cannot be made, as where the disk has no room for it.
  [[nodiscard]] bool is_disk_full() const { return disk_full_; }
  /// Whether it is room that is missing.
  [[nodiscard]] bool wants_room() const;
  /// Whether the session is away for one of the two.
  [[nodiscard]] bool is_away() const { return full_ || starved_; }
  /// Connected time now, as in the stamps. From any thread.
  Microseconds connected();
  /// Appends a record that says no more than what time it is. From any thread but the MQTT library's.
  Result<void> tick();

 private:
  using Clock = std::chrono::steady_clock;

  void take(const MessageView& message) noexcept;
  Result<void> append(const MessageView& message, journal::Kind kind);
  Result<void> append_changes(Clock::time_point now);
  Result<void> append_configuration();
  void record_changes(Clock::time_point now);
  void set_link(bool up);
  void set_session(bool resumed);
  void look_at_clock();
  Clock::time_point prepare_journal(Clock::time_point now);
  Result<void> prepare_segment();
  void sync_journal();
  void look_at_fill();
  void look_at_room();
  Clock::time_point step_session(Clock::time_point now);

  const std::uint64_t message_size_;
  const bool record_link_and_clock_;
  const std::uint64_t segment_;
  const std::uint64_t left_over_;  // of the disk
  const std::function<void()> on_last_words_;
  JournalWriter& journal_;

  std::mutex append_mutex_;    // held for one append: guards the order of stamps, and what follows
  std::string configuration_;  // that has no record yet
  ConnectedClock connected_;
  ClockTrust trust_;
  bool trusted_;  // at the last look
  bool recorded_link_ = false, resumed_ = false;
  std::optional<bool> recorded_trust_;

  Supervisor& supervisor_;
  std::atomic<bool> full_ = false, disk_full_ = false, starved_ = false;  // set by the keeper
  std::atomic<bool> hurried_ = false;

  Supervisor keeper_, syncer_;
  Clock::time_point next_try_ = Clock::time_point::min();  // of the keeper, as is what follows
  Complaint complaint_;
  std::unique_ptr<MqttSession> session_;
};

}  // namespace lookout
