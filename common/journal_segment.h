#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/journal_format.h"

namespace lookout {

/// First offset -> file size, for every segment in a folder.
using Segments = std::map<std::uint64_t, std::uint64_t>;
Result<Segments> list_segments(const std::filesystem::path& folder, FileSystem& files = system_files());

/// Bytes of a segment that are no whole record and have one behind them; with them went the offsets from
/// `first` to before `end`.
struct JournalDamage {
  std::uint64_t position = 0, bytes = 0;
  std::uint64_t first = 0, end = 0;
};

/// Reads one segment record by record, while another thread may be appending to it.
///
/// Where a record is damaged it looks for the next one that is whole: the next place at which length and
/// kind are possible and the hash is that of an offset which the passed bytes leave room for. A hash says
/// yes to a wrong place once in four thousand million tries. What the disk cannot read (EIO) is damage like
/// any other, of 4 KiB at a time. Threading: one owner.
class SegmentReader {
 public:
  static Result<SegmentReader> open(const std::filesystem::path& folder, std::uint64_t first_offset,
                                    FileSystem& files = system_files());

  /// The next whole record whose offset is below `end`; views are valid until the next call. Nothing where
  /// the file has none as it is now.
  Result<std::optional<journal::Record>> next(std::uint64_t end);

  /// The offset and the place in the file of the record to come.
  [[nodiscard]] std::uint64_t offset() const { return at_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// Whether the file begins as this segment. Its name says enough to read it all the same.
  [[nodiscard]] bool has_header() const { return has_header_; }
  /// Whether the disk could read all that was asked of it so far.
  [[nodiscard]] bool is_readable() const { return readable_; }
  /// What was passed over so far.
  [[nodiscard]] const std::vector<JournalDamage>& damage() const { return damage_; }
  /// What is between the position and the zeros at the file's end: an incomplete or damaged record, and what
  /// may be behind it.
  struct Tail {
    std::uint64_t bytes = 0;
    /// How many records may be in it that were handed out, at most. 0: it is the beginning of one, which
    /// nobody acknowledged.
    std::uint64_t records = 0;
  };
  Result<Tail> tail();

 private:
  SegmentReader(std::unique_ptr<File> file, std::uint64_t first_offset)
      : file_(std::move(file)), at_(first_offset), position_(journal::kHeaderSize) {}
  Result<bool> fill(std::size_t bytes);
  [[nodiscard]] std::string_view ahead() const;
  Result<std::optional<journal::Record>> record_here();
  Result<bool> find_next();
  Result<std::optional<std::uint64_t>> offset_of_record_here(std::uint64_t lowest, std::uint64_t highest);

  std::unique_ptr<File> file_;
  std::uint64_t at_;          // offset of the record at position_
  std::uint64_t position_;    // in the file
  std::vector<char> buffer_;  // what was read of the file, from buffer_start_
  std::uint64_t buffer_start_ = 0;
  bool has_header_ = false, readable_ = true;
  std::vector<JournalDamage> damage_;
  std::uint64_t hashed_ = 0;  // bytes, in the present search
};

/// Copies a file and syncs the copy; what the disk cannot read of it is damaged there.
Result<void> copy_file(const std::filesystem::path& from, const std::filesystem::path& to, FileSystem& files);

/// Keeps a copy of a damaged segment beside it as `<segment>.corrupt.<time>`, where there is none of it yet
/// and not too many of others. Says where it is, for the log; fails where there is none.
Result<std::string> keep_damaged(const std::filesystem::path& folder, std::uint64_t first_offset,
                                 FileSystem& files = system_files());

}  // namespace lookout
