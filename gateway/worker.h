#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "common/complaint.h"
#include "common/service.h"
#include "common/supervisor.h"
#include "gateway/cursor.h"
#include "gateway/machine.h"
#include "gateway/read_ahead.h"
#include "gateway/replay.h"
#include "gateway/snapshot.h"
#include "gateway/snapshot_writer.h"

namespace lookout {

/// The one thread that owns the machine and the replays: takes the journal's records (ReadAhead), steps them,
/// publishes what comes out, and keeps the cursor of what the broker has confirmed, and snapshots.
///
/// Recovery. A start takes the newest snapshot that can be read and reads the journal from its offset through
/// the machine; what lies before the cursor is not published again. What the snapshot itself could not
/// compute again, outputs from before it that were not confirmed, it carries. The journal is trimmed below
/// the older of two snapshots.
///
/// Order. A retained message is handed over only when the one before it on its topic is confirmed and the
/// cursor saved and synced: so a restart, which begins behind the cursor, never shows a subscriber an older
/// state than he has seen; after a power cut, of what the journal had synced.
///
/// Threading: run() on the worker's thread, what comes after it on another, confirmed() on the MQTT
/// library's. Threads of their own read ahead at a start, and sync the cursor once a second: a slow card must
/// not hold up an alert.
class Worker {
 public:
  /// In `folder`: the cursor and the snapshots. `config` counts where there is no snapshot.
  static std::expected<std::unique_ptr<Worker>, std::vector<Problem>> create(
      const Config& config, const std::string& box_id, const std::filesystem::path& folder);

  /// Until `stop`; fails when the journal cannot be read.
  Result<void> run(Service& service, const std::stop_token& stop);
  /// All messages up to and including this tag are acknowledged by the broker.
  void confirmed(std::uint64_t tag) { confirmed_.store(tag, std::memory_order_release); }
  /// To be called once after run(), by a thread that lives on: a snapshot is given up with who began it.
  void begin_last_snapshot(const Service& service);
  /// And when the service has shut down: saves the cursor, and waits for that snapshot no longer than a stop
  /// may take.
  void finish();

  /// The least offset that the next record may have: those below were used, whatever the journal remembers.
  [[nodiscard]] std::uint64_t first_unused_offset() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Sent {
    std::uint64_t tag;
    std::optional<Cursor> position;  // nothing: not an output of the machine
  };

  Worker(SnapshotHead head, Machine machine, Replay replay, const std::filesystem::path& folder);
  void trim(Service& service) const;
  bool resume(Service& service, const std::stop_token& stop);
  bool process(ReadAhead::Item& item, Service& service, const std::stop_token& stop);
  void notice_loss(const journal::Record& record);
  bool announce(Service& service, const std::stop_token& stop);
  [[nodiscard]] std::optional<Microseconds> due_in();
  Clock::time_point tick_if_due(Service& service);
  bool publish(Outgoing message, std::optional<Cursor> position, Service& service,
               const std::stop_token& stop);
  void save();
  void sync_cursor();
  bool await_former(const std::string& topic, Service& service, const std::stop_token& stop);
  bool housekeeping(Service& service, const std::stop_token& stop);
  void look_after_snapshots(Service& service, Clock::time_point now);
  [[nodiscard]] bool snapshot_is_due(Service& service, Clock::time_point now) const;
  [[nodiscard]] SnapshotHead head(const Service& service) const;
  bool publish_stats(Service& service, Clock::time_point now, const std::stop_token& stop);
  Outgoing make_stats(Service& service, Clock::time_point now);

  Machine machine_;
  Replay replay_;
  const SnapshotStore store_;
  SnapshotWriter writer_;
  SnapshotHead restored_;
  const Cursor start_;
  CursorFile cursor_file_;
  std::optional<ReadAhead> reader_;
  std::vector<Output> outputs_;
  std::vector<Outgoing> messages_;
  Microseconds last_connected_{};           // in the stamp of the last record
  std::uint64_t next_offset_ = 0;           // of the record after the last one whose outputs are handed over
  bool at_rest_ = false;                    // run() has ended, and not in the middle of a record's outputs
  bool resumed_ = false;                    // what the snapshot carried is handed over too
  std::uint64_t bytes_taken_ = 0;           // of the journal, since the last snapshot that was written
  std::uint64_t bytes_in_snapshot_ = 0;     // of them, in the one that is being written
  bool snapshot_failed_ = false;            // the last one
  Clock::time_point last_snapshot_{};       // was begun then
  Clock::time_point last_good_snapshot_{};  // was done then; at first: the start
  Complaint snapshot_complaint_, cursor_complaint_;

  std::uint64_t next_tag_ = 1;
  std::atomic<std::uint64_t> confirmed_ = 0;
  std::atomic<std::uint64_t> saved_tag_ = 0;   // up to which the saved cursor knows of confirmations
  std::atomic<std::uint64_t> synced_tag_ = 0;  // and the synced one
  std::mutex sync_mutex_;                      // held by who syncs the cursor: guards what follows
  Complaint sync_complaint_;
  std::deque<Sent> sent_;                                    // not yet known to be confirmed
  std::unordered_map<std::string, std::uint64_t> retained_;  // topic -> tag of the last message on it
  Cursor cursor_;
  Clock::time_point next_save_{}, next_stats_{};
  std::uint64_t readings_at_last_stats_ = 0, stats_tag_ = 0;
  Clock::time_point last_stats_{};
  Supervisor cursor_keeper_;
};

}  // namespace lookout
