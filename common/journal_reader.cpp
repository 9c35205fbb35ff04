#include "common/journal_reader.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace lookout {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10;

}  // namespace

std::map<std::uint64_t, std::uint64_t> list_segments(const std::filesystem::path& folder) {
  std::map<std::uint64_t, std::uint64_t> segments;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".journal") continue;
    const std::string stem = entry.path().stem().string();
    std::uint64_t first_offset = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), first_offset);
    if (parsed.ec == std::errc{} && parsed.ptr == stem.data() + stem.size()) {
      segments[first_offset] = entry.file_size(error);
    }
  }
  return segments;
}

Result<SegmentScan> scan_segment(const std::filesystem::path& path, std::uint64_t first_offset) {
  const auto content = read_file(path);
  if (!content) return Failure(content.error());
  if (journal::decode_header(*content) != first_offset) {
    return Failure(fmt::format("'{}' does not begin like a journal segment", path.string()));
  }
  SegmentScan scan{.end = first_offset, .bytes = journal::kHeaderSize};
  const std::string_view bytes = *content;
  while (bytes.size() - scan.bytes >= journal::kRecordHeadSize) {
    const char* head = bytes.data() + scan.bytes;
    const auto length = journal::take<std::uint32_t>(head);
    const auto hash = journal::take<std::uint32_t>(head);
    const std::string_view rest = bytes.substr(scan.bytes + journal::kRecordHeadSize);
    if (length == 0 || length > rest.size() || !journal::decode_body(scan.end, hash, rest.substr(0, length)))
      break;
    scan.bytes += journal::kRecordHeadSize + length;
    ++scan.end;
  }
  const auto last = bytes.find_last_not_of('\0');
  if (last != std::string_view::npos && last >= scan.bytes) scan.torn_bytes = last + 1 - scan.bytes;
  if (scan.torn_bytes > 0) {
    const char* head = bytes.data() + scan.bytes;
    const std::size_t claimed = journal::kRecordHeadSize + journal::take<std::uint32_t>(head);
    scan.more_behind = scan.torn_bytes > claimed;
  }
  return scan;
}

Result<std::optional<journal::Record>> JournalReader::next(std::uint64_t end) {
  while (next_ < end) {
    if (!segment_) {
      if (auto opened = open_segment(end); !opened) return Failure(opened.error());
      continue;
    }
    journal::Record record;
    const Step step = read_one(record);
    if (step == Step::failed) return Failure(describe_errno("cannot read the journal in", folder_));
    if (step != Step::record) {
      leave_segment(end);
    } else if (record.offset >= next_) {
      next_ = record.offset + 1;
      return record;
    }
  }
  return std::nullopt;
}

// Opens the segment that holds next_; where there is none, the first behind it.
Result<void> JournalReader::open_segment(std::uint64_t end) {
  const auto segments = list_segments(folder_);
  auto segment = segments.upper_bound(next_);
  if (segment != segments.begin()) {
    --segment;
  } else if (segment == segments.end()) {
    return Failure(fmt::format("journal: offset {} is in no segment of '{}'", next_, folder_.string()));
  } else {
    give_up_to(std::min(segment->first, end));
  }
  auto file = open_file(journal::segment_path(folder_, segment->first), O_RDONLY);
  if (!file) return Failure(file.error());
  segment_ = std::move(*file);
  segment_first_ = at_ = segment->first;
  position_ = journal::kHeaderSize;
  buffer_.clear();
  buffer_start_ = 0;
  return {};
}

// The segment is read to its end, or to a damaged record, which hides where those behind it begin: the next
// segment goes on. What lies between is lost; after a whole segment that is nothing.
void JournalReader::leave_segment(std::uint64_t end) {
  const auto segments = list_segments(folder_);
  const auto following = segments.upper_bound(segment_first_);
  segment_ = {};
  give_up_to(following == segments.end() ? end : std::min(following->first, end));
}

void JournalReader::give_up_to(std::uint64_t offset) {
  if (offset <= next_) return;
  spdlog::error("journal: offsets {} to {} cannot be read: they are missing or damaged", next_, offset - 1);
  lost_ += offset - next_;
  next_ = offset;
}

// Makes `bytes` bytes from position_ on available in the buffer; false at the end of the file.
bool JournalReader::fill(std::size_t bytes) {
  const std::uint64_t have = buffer_start_ + buffer_.size();
  if (position_ >= buffer_start_ && position_ + bytes <= have) return true;
  buffer_.resize(std::max(kChunk, bytes));
  const ssize_t got = ::pread(segment_.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(position_));
  failed_ = got < 0;
  buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  buffer_start_ = position_;
  return buffer_.size() >= bytes;
}

JournalReader::Step JournalReader::read_one(journal::Record& record) {
  if (!fill(journal::kRecordHeadSize)) return failed_ ? Step::failed : Step::segment_over;
  const char* head = buffer_.data() + (position_ - buffer_start_);
  auto length = journal::take<std::uint32_t>(head);
  if (length == 0) {
    // The buffer may have been read before this record was written.
    buffer_.clear();
    if (!fill(journal::kRecordHeadSize)) return failed_ ? Step::failed : Step::segment_over;
    head = buffer_.data();
    length = journal::take<std::uint32_t>(head);
    if (length == 0) return Step::segment_over;
  }
  if (length > journal::kLargestBody || !fill(journal::kRecordHeadSize + length)) {
    return failed_ ? Step::failed : Step::damaged;
  }
  head = buffer_.data() + (position_ - buffer_start_) + sizeof(std::uint32_t);
  const auto hash = journal::take<std::uint32_t>(head);
  const auto decoded = journal::decode_body(at_, hash, {head, length});
  if (!decoded) {
    // As above: a record that was being written when the buffer was filled is whole by now.
    if (buffer_start_ == position_) return Step::damaged;
    buffer_.clear();
    return read_one(record);
  }
  record = *decoded;
  position_ += journal::kRecordHeadSize + length;
  ++at_;
  return Step::record;
}

}  // namespace lookout
