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
/// Threading: append() by one thread at a time; prepare() and sync() by one other (the supervisor);
/// trim() and wait_beyond() by the reader's; the rest by any. append() holds no lock over I/O that another
/// thread could be waiting for.
class JournalWriter {
 public:
  /// Opens or creates the journal in `folder` and goes on behind its newest whole record, whatever is damaged
  /// before it. What an interrupted write left behind that is cut off, and logged; where the newest segment
  /// is damaged otherwise a copy of it is kept (keep_damaged), and a newest segment that cannot be read at
  /// all is set aside as `.corrupt.<time>`. The next offset is above those of whatever damaged records may be
  /// at the end, and at least `at_least`, so that an offset which somebody stored is not used again after a
  /// power cut took the journal's end. Fails when the folder cannot be used.
  static Result<std::unique_ptr<JournalWriter>> open(std::filesystem::path folder,
                                                     const JournalConfig& config, std::uint64_t at_least = 0,
                                                     FileSystem& files = system_files());

  /// Appends one record; payloads over `message_size` are to be cut by the caller, and of other kinds than
  /// message only the arrival counts. On failure nothing was appended and the same call may be tried again.
  Result<std::uint64_t> append(const MessageView& message, journal::Kind kind = journal::Kind::message,
                               const journal::Stamp& stamp = {});

  /// Makes the next segment ahead of its need; cheap when it is there.
  Result<void> prepare();
  /// Everything appended before the call survives a power cut after it.
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
  Result<std::uint64_t> keep_what_is_cut(SegmentReader& segment, std::uint64_t first_offset);
  Result<void> sync_older();
  Result<void> begin_at(std::uint64_t offset);
  void set_aside(std::uint64_t first_offset, const std::string& why);
  Result<void> rotate();
  Result<std::shared_ptr<File>> make_spare();

  const std::filesystem::path folder_;
  const JournalConfig config_;
  FileSystem& files_;

  // Owned by the appending thread.
  std::uint64_t position_ = 0;  // where the next record goes in the current segment

  mutable std::mutex mutex_;  // guards what follows; held for moments only
  std::shared_ptr<File> current_, spare_;
  std::vector<std::shared_ptr<File>> unsynced_;
  bool names_unsynced_ = true;
  std::map<std::uint64_t, std::uint64_t> segments_;  // first offset -> bytes
  std::condition_variable appended_;
  bool woken_ = false;

  std::atomic<std::uint64_t> end_ = 0;
};

}  // namespace lookout
