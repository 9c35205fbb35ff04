#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "common/journal_reader.h"
#include "common/service.h"
#include "gateway/cursor.h"
#include "gateway/machine.h"

namespace lookout {

/// The one thread that owns the machine: reads the journal, steps the machine, publishes what comes out, and
/// keeps the cursor of what the broker has confirmed.
///
/// Recovery. The state is not stored: a start reads the journal from its oldest record through the machine,
/// and what lies before the cursor is not published again. So a restart counts nothing twice and pages nobody
/// twice, as far back as the journal reaches ([journal] limit).
///
/// Threading: run() on the worker's thread, confirmed() on the MQTT library's.
class Worker {
 public:
  Worker(Machine machine, std::filesystem::path cursor_file);

  /// Until `stop`; fails when the journal cannot be read.
  Result<void> run(Service& service, const std::stop_token& stop);
  /// All messages up to and including this tag are acknowledged by the broker.
  void confirmed(std::uint64_t tag) { confirmed_.store(tag, std::memory_order_release); }
  /// Saves the cursor as it stands; also to be called once after the service has drained.
  void save();

  [[nodiscard]] const Cursor& start() const { return start_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Sent {
    std::uint64_t tag;
    Cursor position;
  };

  bool process(const journal::Record& record, Service& service, const std::stop_token& stop);
  Clock::time_point tick_if_due(Service& service);
  bool publish(Outgoing message, const Cursor& position, Service& service, const std::stop_token& stop);
  bool housekeeping(Service& service, const std::stop_token& stop);
  Outgoing make_stats(Service& service, Clock::time_point now);

  Machine machine_;
  const std::filesystem::path cursor_file_;
  const Cursor start_;
  std::optional<JournalReader> reader_;
  std::vector<Output> outputs_;
  std::vector<Outgoing> messages_;
  Microseconds last_connected_{};  // in the stamp of the last record

  std::uint64_t next_tag_ = 1;
  std::atomic<std::uint64_t> confirmed_ = 0;
  std::deque<Sent> sent_;  // not yet known to be confirmed
  Cursor cursor_;

  Clock::time_point next_save_{}, next_stats_{}, last_stats_{};
  std::uint64_t readings_at_last_stats_ = 0;
};

}  // namespace lookout
