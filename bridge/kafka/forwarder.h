#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "bridge/kafka/forward_source.h"
#include "bridge/kafka/kafka_cursor.h"
#include "bridge/kafka/kafka_sink.h"
#include "common/complaint.h"

namespace lookout {

enum class ForwardState : std::uint8_t { connecting, forwarding, failing, fenced };
inline constexpr std::array<std::string_view, 4> kForwardStates{"connecting", "forwarding", "failing",
                                                                "fenced"};

/// The relay: the archive, in the order of its offsets, into Kafka, exactly once.
///
/// A transaction holds records and the cursor behind them. Whatever goes wrong (a commit that failed or timed
/// out, a record refused, a fatal error, an archive that cannot be read), the answer is the same: let the
/// producer go, wait (0.5 s to 30 s), make another, which ends what was open, and go on at the cursor that
/// Kafka has committed. Fenced, which means that another bridge uses this box's id, it stays away as long as
/// that one's cursors move.
///
/// An offset means one message. Where Kafka has offsets that this archive has given to other messages (an
/// older copy of it was restored, or its disk has lost the end), what it took since Kafka was last heard goes
/// there under a new epoch: nothing is taken for what is there already.
///
/// Threading: run() on a thread of its own; the rest from any.
class Forwarder {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    std::filesystem::path archive;  ///< its folder
    std::filesystem::path folder;   ///< where the cursor's copy is kept
    std::string box;
    std::uint64_t epoch = 0;         ///< of the archive
    std::uint64_t first_offset = 0;  ///< the archive's, where Kafka has no cursor for it yet
    Clock::duration first_retry = std::chrono::milliseconds{500};
    Clock::duration fenced_pause = std::chrono::seconds{60};
  };

  Forwarder(const Options& options, const Config& config, KafkaConnector connect);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void run(const std::stop_token& stop);

  /// Messages that are taken from now on have this offset or a higher one. Before run(), and before the first
  /// is taken; it is remembered until Kafka has said how far it is.
  void taking_from(std::uint64_t offset);
  /// Offsets below `end` are in the archive and survive a power cut.
  void advance(std::uint64_t end);
  /// Below it everything is in Kafka.
  [[nodiscard]] std::uint64_t forwarded() const;

  struct Status {
    ForwardState state = ForwardState::connecting;
    std::string error;  ///< why it does not go on; empty while it does
    KafkaCursor cursor;
  };
  [[nodiscard]] Status status() const;

  /// Saves the cursor's copy where it has moved; to be called now and then.
  void save_copy();

  struct Damage {
    std::uint64_t offset = 0;
    std::string why;
  };
  /// A file of the archive could not be read: the archive's owner is to set it aside. Told once.
  std::optional<Damage> take_damage();

 private:
  KafkaFailure session(const std::stop_token& stop);
  KafkaResult<void> resume(KafkaSink& sink, const std::stop_token& stop);
  KafkaResult<void> stay_away(KafkaSink& sink, const std::stop_token& stop);
  KafkaResult<KafkaCursor> committed_cursor(KafkaSink& sink);
  KafkaResult<KafkaCursor> without_cursor(KafkaSink& sink);
  KafkaResult<std::optional<std::uint64_t>> other_history(const KafkaCursor& cursor);
  void branch_off(KafkaCursor& cursor, std::uint64_t from);
  void say_once(const std::string& text);
  void write_copy(bool durable);
  [[nodiscard]] std::uint64_t end_of_archive() const;
  void pause(Clock::duration time, const std::stop_token& stop);
  bool await_work(const std::stop_token& stop);
  ArchiveResult<ForwardBatch> take_batch();
  void read_ahead(std::uint64_t from);
  KafkaResult<void> send(KafkaSink& sink, ForwardBatch& batch, const std::stop_token& stop);
  void stand_at(const KafkaCursor& cursor, const std::string& cluster,
                std::optional<std::uint64_t> unheard_from);
  void go_on();
  KafkaFailure note(const ArchiveFailure& failure, std::uint64_t offset);
  void note(const KafkaFailure& failure);
  void complain(ForwardState state, const std::string& why);
  void set_state(ForwardState state, std::string error);

  const Options options_;
  const KafkaConnector connect_;
  const std::string cursor_key_;
  const RecordNames names_;
  ForwardSource source_;
  std::future<ArchiveResult<ForwardBatch>> ahead_;  // the next batch, read while one is committed
  KafkaCursor cursor_;
  KafkaCursors seen_;  // what this box's relays had committed, as far as is known here
  KafkaCursor tried_;  // that it was last tried to commit
  bool fenced_ = false;
  bool was_refused_ = false;          // the last transaction failed
  std::size_t most_ = kMostMessages;  // of the next one
  Clock::duration retry_;
  Clock::time_point sent_at_{};
  Complaint complaint_;
  std::string said_;

  std::mutex copy_mutex_;
  std::optional<CursorCopy> copied_;  // under it
  mutable std::mutex mutex_;          // guards what follows
  std::condition_variable_any advanced_;
  std::uint64_t end_ = 0;
  Status status_;
  std::string cluster_;                        // of which status_.cursor is told
  std::optional<std::uint64_t> unheard_from_;  // CursorCopy
  std::optional<Damage> damage_;
};

}  // namespace lookout
