#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/config.h"
#include "common/file.h"
#include "common/journal_format.h"
#include "common/journal_reader.h"

namespace lookout {

/// Appends to a journal (contract and files: journal_format.h).
///
/// Threading: append() by one thread at a time; prepare() and sync() by one other (the supervisor);
/// trim() and wait_beyond() by the reader's; the rest by any. append() holds no lock over I/O that another
/// thread could be waiting for.
class JournalWriter {
 public:
  /// Opens or creates the journal in `folder`. Cuts off a torn tail, logging how many bytes; sets a newest
  /// segment without a valid header aside as `.corrupt.<time>`. The next offset is at least `at_least`, so
  /// that an offset which somebody stored is not used again after a power cut took the journal's end. Fails
  /// when the folder cannot be used.
  static Result<std::unique_ptr<JournalWriter>> open(std::filesystem::path folder,
                                                     const JournalConfig& config, std::uint64_t at_least = 0);

  /// Appends one record; payloads over `message_size` are to be cut by the caller, and of other kinds than
  /// message only the arrival counts. On failure nothing was appended and the same call may be tried again.
  Result<std::uint64_t> append(const MessageView& message, journal::Kind kind = journal::Kind::message,
                               const journal::Stamp& stamp = {});

  /// Makes the next segment ahead of its need; cheap when it is there.
  Result<void> prepare();
  /// Everything appended before the call survives a power cut after it.
  Result<void> sync();
  /// Deletes the oldest segments while the journal is larger than `limit` and they lie wholly below `offset`.
  void trim(std::uint64_t offset);

  /// Offset of the oldest record still there / one past the newest.
  [[nodiscard]] std::uint64_t first() const;
  [[nodiscard]] std::uint64_t end() const { return end_.load(std::memory_order_acquire); }
  /// Bytes in all segments, the written part of the newest counted.
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// How many there may be.
  [[nodiscard]] std::uint64_t limit() const { return config_.limit; }
  /// Bytes from a position in a segment to the end of the journal.
  [[nodiscard]] std::uint64_t bytes_from(std::uint64_t segment, std::uint64_t position) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Waits until end() > offset, the deadline passes or wake() is called; returns end().
  std::uint64_t wait_beyond(std::uint64_t offset, std::chrono::steady_clock::time_point deadline);
  void wake();

 private:
  JournalWriter(std::filesystem::path folder, const JournalConfig& config)
      : folder_(std::move(folder)), config_(config) {}
  Result<void> recover(std::uint64_t at_least);
  Result<void> open_newest(std::uint64_t first_offset);
  Result<void> begin_at(std::uint64_t offset);
  static void keep_torn_bytes(const std::filesystem::path& path, const SegmentScan& scanned);
  void set_aside(std::uint64_t first_offset, const std::string& why);
  Result<void> rotate();
  Result<std::shared_ptr<FileHandle>> make_spare();

  const std::filesystem::path folder_;
  const JournalConfig config_;

  // Owned by the appending thread.
  std::uint64_t position_ = 0;  // where the next record goes in the current segment

  mutable std::mutex mutex_;  // guards what follows; held for moments only
  std::shared_ptr<FileHandle> current_, spare_;
  std::vector<std::shared_ptr<FileHandle>> unsynced_;
  std::map<std::uint64_t, std::uint64_t> segments_;  // first offset -> bytes
  std::condition_variable appended_;
  bool woken_ = false;

  std::atomic<std::uint64_t> end_ = 0;
};

}  // namespace lookout
