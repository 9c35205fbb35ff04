#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "common/file.h"
#include "common/journal_format.h"
#include "common/result.h"

namespace lookout {

/// First offset -> file size, for every segment in a folder.
std::map<std::uint64_t, std::uint64_t> list_segments(const std::filesystem::path& folder);

/// What is whole in one segment file.
struct SegmentScan {
  std::uint64_t end = 0;    ///< one past the last whole record
  std::uint64_t bytes = 0;  ///< where the next record would go
  /// Bytes of an incomplete or damaged record behind it; 0 when only zeros follow.
  std::uint64_t torn_bytes = 0;
  /// Of these, some lie beyond the record that is not whole.
  bool more_behind = false;
};
/// Reads a segment to its first record that is not whole. Fails when the header is not that of this segment.
Result<SegmentScan> scan_segment(const std::filesystem::path& path, std::uint64_t first_offset);

/// Reads records in order from an offset, while another thread of the same process may be appending.
/// Threading: one owner. Views in a record are valid until the next call.
class JournalReader {
 public:
  /// Begins at `from`, or at the oldest record when that is gone.
  JournalReader(std::filesystem::path folder, std::uint64_t from) : folder_(std::move(folder)), next_(from) {}

  /// The record at the position, when its offset is below `end` (JournalWriter::end). Nothing at `end`.
  /// Where records are damaged or missing, it logs which offsets are gone and goes on behind them.
  Result<std::optional<journal::Record>> next(std::uint64_t end);

  /// The offset that next() will return.
  [[nodiscard]] std::uint64_t position() const { return next_; }
  /// The segment in which the position lies, by its first offset, and where in it.
  [[nodiscard]] std::uint64_t segment() const { return segment_first_; }
  [[nodiscard]] std::uint64_t segment_position() const { return position_; }
  /// Records that could not be read.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  enum class Step { record, segment_over, damaged, failed };
  Result<void> open_segment(std::uint64_t end);
  Step read_one(journal::Record& record);
  bool fill(std::size_t bytes);
  void leave_segment(std::uint64_t end);
  void give_up_to(std::uint64_t offset);

  std::filesystem::path folder_;
  std::uint64_t next_ = 0;
  std::uint64_t lost_ = 0;
  FileHandle segment_;
  std::uint64_t segment_first_ = 0;
  std::uint64_t at_ = 0;        // offset of the record at position_
  std::uint64_t position_ = 0;  // in the segment file
  std::vector<char> buffer_;    // what was read of the file, from buffer_start_
  std::uint64_t buffer_start_ = 0;
  bool failed_ = false;  // the last read of the file
};

}  // namespace lookout
