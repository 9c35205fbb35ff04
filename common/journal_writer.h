#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/config.h"
#include "common/file_system.h"
#include "common/journal_format.h"
#include "common/journal_segment.h"

namespace lookout {

/// Appends to a journal (contract and files: journal_format.h).
///
/// Threading: append() by one thread at a time; prepare() by one other; sync() by any;
/// trim() and wait_beyond() by the reader's; the rest by any. append() holds no lock over I/O that another
/// thread could be waiting for.
class JournalWriter {
 public:
  /// Opens or creates the journal in `folder` and goes on behind its newest whole record, whatever is damaged
  /// before it. What an interrupted write left behind that is wiped out, and logged; where the newest segment
  /// is damaged otherwise a copy of it is kept (keep_damaged), and where there can be none, or the disk
  /// cannot read all of it, it stays as it is and a new one begins. The next offset is above those of
  /// whatever damaged records may be at the end, and at least `at_least`, so that an offset which somebody
  /// stored is not used again after a power cut took the journal's end. Needs no disk space, but where a new
  /// segment begins: without it append() fails until prepare() finds some. Fails when a segment cannot be
  /// opened, mended or synced.
  static Result<std::unique_ptr<JournalWriter>> open(std::filesystem::path folder,
                                                     const JournalConfig& config, std::uint64_t at_least = 0,
                                                     FileSystem& files = system_files());

  /// Appends one record; payloads over `message_size` are to be cut by the caller, and of other kinds than
  /// message only the arrival counts. On failure nothing was appended and the same call may be tried again.
  Result<std::uint64_t> append(const MessageView& message, journal::Kind kind = journal::Kind::message,
                               const journal::Stamp& stamp = {});

  /// Makes the next segment ahead of its need; cheap when it is there.
  Result<void> prepare();
  [[nodiscard]] bool is_prepared() const;
  /// Whether one has begun since the last call of this: then there is a need.
  [[nodiscard]] bool has_rotated() { return rotated_.load() && rotated_.exchange(false); }
  /// Bytes that can be appended without a next segment.
  [[nodiscard]] std::uint64_t room() const;
  /// Leaves out an offset: who reads is told that something may be missing there.
  Result<void> leave_gap() { return begin_at(end() + 1); }
  /// Everything appended before the call survives a power cut after it. After a failure nothing does that was
  /// not synced before, whatever later calls say, until the next open(): the kernel takes what it could not
  /// write for written. So the failure leaves a mark, and that open() writes those segments anew.
  Result<void> sync();
  /// Deletes the oldest segments that lie wholly below `offset`, as long as the journal is larger than `keep`
  /// bytes.
  void trim(std::uint64_t offset, std::uint64_t keep = 0);

  /// Offset of the oldest record still there / one past the newest.
  [[nodiscard]] std::uint64_t first() const;
  [[nodiscard]] std::uint64_t end() const { return end_.load(std::memory_order_acquire); }
  /// Bytes in all segments, the written part of the newest counted.
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// How many there may be.
  [[nodiscard]] std::uint64_t limit() const { return config_.limit; }
  /// What size_bytes() is above when nothing more should be taken for now, and at most when it should again.
  [[nodiscard]] std::uint64_t high_water() const;
  [[nodiscard]] std::uint64_t low_water() const;
  /// Bytes from a position in a segment to the end of the journal.
  [[nodiscard]] std::uint64_t bytes_from(std::uint64_t segment, std::uint64_t position) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Waits until end() > offset, the deadline passes or wake() is called; returns end(). A first record is
  /// followed by half a millisecond of waiting for more.
  std::uint64_t wait_beyond(std::uint64_t offset, std::chrono::steady_clock::time_point deadline);
  void wake();

 private:
  JournalWriter(std::filesystem::path folder, const JournalConfig& config, FileSystem& files)
      : folder_(std::move(folder)), config_(config), files_(files) {}
  Result<void> recover(std::uint64_t at_least);
  Result<std::uint64_t> open_newest(std::uint64_t first_offset);
  struct Damage;
  Result<Damage> keep_damage(SegmentReader& segment, std::uint64_t first_offset);
  Result<void> mend(const SegmentReader& segment, const Damage& damage, File& file);
  Result<void> write_unsynced_anew();
  Result<void> write_anew(std::uint64_t first_offset);
  Result<void> sync_older();
  Failure failed_sync(std::uint64_t first_unsynced, const std::string& why);
  Result<void> begin_at(std::uint64_t offset);
  Result<void> rotate();
  Result<std::shared_ptr<File>> make_spare();

  const std::filesystem::path folder_;
  const JournalConfig config_;
  FileSystem& files_;

  // Owned by the appending thread.
  std::uint64_t position_ = 0;  // where the next record goes in the current segment
  std::uint64_t room_end_ = 0;  // up to where that has disk space

  std::mutex sync_mutex_;     // a sync speaks for all that was written before it, also for what another holds
  mutable std::mutex mutex_;  // guards what follows, and changes of room_end_; held for moments only
  std::shared_ptr<File> current_, spare_;                    // nothing: there is none
  std::map<std::uint64_t, std::shared_ptr<File>> unsynced_;  // by first offset
  bool names_unsynced_ = true;
  std::map<std::uint64_t, std::uint64_t> segments_;  // first offset -> bytes
  std::condition_variable appended_;
  bool woken_ = false;

  std::atomic<std::uint64_t> end_ = 0;
  std::atomic<bool> rotated_ = false;
};

}  // namespace lookout
