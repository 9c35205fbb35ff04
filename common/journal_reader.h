#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/journal_segment.h"

namespace lookout {

/// Reads records in order from an offset, while another thread of the same process may be appending.
/// Threading: one owner. Views in a record are valid until the next call.
class JournalReader {
 public:
  /// Begins at `from`, or at the oldest record when that is gone.
  JournalReader(std::filesystem::path folder, std::uint64_t from, FileSystem& files = system_files())
      : files_(&files), folder_(std::move(folder)), next_(from) {}

  /// The record at the position, when its offset is below `end` (JournalWriter::end). Nothing at `end`.
  /// Where records are damaged or missing, it logs which offsets are gone and goes on with the next record
  /// that is whole; of a damaged segment it keeps a copy (keep_damaged) when it is through with it.
  Result<std::optional<journal::Record>> next(std::uint64_t end);

  /// The offset that next() will return.
  [[nodiscard]] std::uint64_t position() const { return next_; }
  /// The segment in which the position lies, by its first offset, and where in it.
  [[nodiscard]] std::uint64_t segment() const { return segment_first_; }
  [[nodiscard]] std::uint64_t segment_position() const { return segment_ ? segment_->position() : left_at_; }
  /// Records that could not be read.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  Result<void> open_segment(std::uint64_t end);
  Result<void> leave_segment(std::uint64_t end);
  void keep_if_damaged();
  void give_up_to(std::uint64_t offset);

  FileSystem* files_;
  std::filesystem::path folder_;
  std::uint64_t next_ = 0;
  std::uint64_t lost_ = 0;
  std::optional<SegmentReader> segment_;
  std::uint64_t segment_first_ = 0;
  std::uint64_t left_at_ = 0;  // where in it
};

}  // namespace lookout
