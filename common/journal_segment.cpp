#include "common/journal_segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace lookout {
namespace {

using journal::kBodyHeadSize;
using journal::kRecordHeadSize;

constexpr std::size_t kChunk = std::size_t{64} << 10;
constexpr std::uint64_t kBlock = 4096;  // what a disk that cannot read a sector costs
constexpr char kUnread = '\xff';        // no length of a record begins like that, and it is not zero
constexpr std::size_t kSmallestRecord = kRecordHeadSize + kBodyHeadSize;
// Where one search stops: bytes made to look like many large records must not hold up a start for minutes.
constexpr std::uint64_t kHashedAtMost = std::uint64_t{1} << 30;
constexpr std::size_t kCopiesAtMost = 8;
// A whole record without topic and payload may end in that many: its time.
constexpr std::uint64_t kZerosAtMost = 9;

/// The size of the body that begins at a record's head, if there can be one.
std::optional<std::size_t> plausible_body(std::string_view bytes) {
  const char* from = bytes.data();
  const auto length = journal::take<std::uint32_t>(from);
  from += sizeof(std::uint32_t);
  const auto kind = journal::take<journal::Kind>(from);
  const auto flags = journal::take<std::uint8_t>(from);
  const auto topic = journal::take<std::uint16_t>(from);
  if (length < kBodyHeadSize || length > journal::kLargestBody || flags > journal::kAllFlags)
    return std::nullopt;
  if (!journal::is_kind(kind) || (kind == journal::Kind::message && topic == 0)) return std::nullopt;
  return kBodyHeadSize + topic <= length ? std::optional<std::size_t>(length) : std::nullopt;
}

/// See SegmentReader::Tail. `stated`: the first record's size, where its head can be one.
std::uint64_t records_in(std::uint64_t bytes, std::optional<std::uint64_t> stated) {
  const std::uint64_t size = stated.value_or(kSmallestRecord);
  if (bytes == 0 || bytes + (size == kSmallestRecord ? kZerosAtMost : 0) < size) return 0;
  return stated && bytes <= size ? 1 : bytes / kSmallestRecord + 1;
}

std::optional<std::uint64_t> segment_of(std::string_view name) {
  constexpr std::string_view kEnding = ".journal";
  if (!name.ends_with(kEnding)) return std::nullopt;
  name.remove_suffix(kEnding.size());
  std::uint64_t first_offset = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), first_offset);
  if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) return std::nullopt;
  return first_offset;
}

struct Got {
  std::size_t bytes = 0;
  bool all_read = true;
};

/// As File::read(), but what cannot be read stands there as kUnread. Fails where even the file's size is not
/// to be had.
Result<Got> read_over_damage(File& file, std::uint64_t position, std::span<char> to) {
  if (const auto got = file.read(position, to)) return Got{*got};
  const auto size = file.size();
  if (!size) return Failure(size.error());
  to = to.first(std::min<std::uint64_t>(to.size(), *size - std::min(*size, position)));
  for (std::size_t done = 0; done < to.size();) {
    const auto block =
        to.subspan(done, std::min<std::uint64_t>(to.size() - done, kBlock - (position + done) % kBlock));
    if (!file.read(position + done, block)) std::ranges::fill(block, kUnread);
    done += block.size();
  }
  return Got{to.size(), false};
}

}  // namespace

Result<Segments> list_segments(const std::filesystem::path& folder, FileSystem& files) {
  const auto entries = files.list(folder);
  if (!entries) return Failure(entries.error());
  Segments segments;
  for (const auto& [name, size] : *entries) {
    if (const auto first_offset = segment_of(name)) segments[*first_offset] = size;
  }
  return segments;
}

Result<SegmentReader> SegmentReader::open(const std::filesystem::path& folder, std::uint64_t first_offset,
                                          FileSystem& files) {
  const auto path = journal::segment_path(folder, first_offset);
  auto file = files.open(path, FileSystem::Open::to_read);
  if (!file) return Failure(file.error());
  SegmentReader reader(std::move(*file), first_offset);
  std::array<char, journal::kHeaderSize> header;
  const auto got = read_over_damage(*reader.file_, 0, header);
  if (!got) return Failure(fmt::format("cannot read '{}': {}", path.string(), got.error()));
  reader.readable_ = got->all_read;
  reader.has_header_ = journal::decode_header({header.data(), got->bytes}) == first_offset;
  return reader;
}

Result<std::optional<journal::Record>> SegmentReader::next(std::uint64_t end) {
  if (at_ >= end) return std::nullopt;
  auto record = record_here();
  if (!record) return Failure(record.error());
  if (!*record) {
    // The buffer may have been filled before this record was written.
    buffer_.clear();
    record = record_here();
    if (!record) return Failure(record.error());
  }
  if (!*record) {
    const auto found = find_next();
    if (!found) return Failure(found.error());
    if (!*found || at_ >= end) return std::nullopt;
    record = record_here();
    if (!record || !*record) return record;
  }
  position_ += kRecordHeadSize + journal::body_size((*record)->message);
  ++at_;
  return record;
}

// Makes `bytes` bytes from position_ on available in the buffer; false at the end of the file.
Result<bool> SegmentReader::fill(std::size_t bytes) {
  if (position_ >= buffer_start_ && position_ + bytes <= buffer_start_ + buffer_.size()) return true;
  buffer_.resize(std::max(kChunk, bytes));
  const auto got = read_over_damage(*file_, position_, buffer_);
  buffer_.resize(got ? got->bytes : 0);
  buffer_start_ = position_;
  if (!got) return Failure(got.error());
  readable_ = readable_ && got->all_read;
  return buffer_.size() >= bytes;
}

std::string_view SegmentReader::ahead() const {
  return std::string_view(buffer_.data(), buffer_.size()).substr(position_ - buffer_start_);
}

// Nothing where no whole record of the offset at_ is at the position.
Result<std::optional<journal::Record>> SegmentReader::record_here() {
  auto there = fill(kRecordHeadSize);
  if (!there) return Failure(there.error());
  if (!*there) return std::nullopt;
  const char* head = ahead().data();
  const auto length = journal::take<std::uint32_t>(head);
  if (length == 0 || length > journal::kLargestBody) return std::nullopt;
  there = fill(kRecordHeadSize + length);
  if (!there) return Failure(there.error());
  if (!*there) return std::nullopt;
  head = ahead().data() + sizeof(length);
  const auto hash = journal::take<std::uint32_t>(head);
  return journal::decode_body(at_, hash, {head, length});
}

// Moves to the next whole record behind the one at the position, which is not; stays where there is none.
Result<bool> SegmentReader::find_next() {
  const std::uint64_t begin = position_;
  hashed_ = 0;
  position_ += kSmallestRecord;
  while (hashed_ < kHashedAtMost) {
    const auto there = fill(kSmallestRecord);
    if (!there) return Failure(there.error());
    if (!*there) break;
    // A length begins at most three bytes before the first byte that is not zero.
    const std::size_t zeros = std::min(ahead().find_first_not_of('\0'), ahead().size());
    if (zeros > 3) {
      position_ += zeros - 3;
      continue;
    }
    const auto found = offset_of_record_here(at_ + 1, at_ + (position_ - begin) / kSmallestRecord);
    if (!found) return Failure(found.error());
    if (*found) {
      damage_.push_back({begin, position_ - begin, at_, **found});
      at_ = **found;
      return true;
    }
    ++position_;
  }
  position_ = begin;
  return false;
}

Result<std::optional<std::uint64_t>> SegmentReader::offset_of_record_here(std::uint64_t lowest,
                                                                          std::uint64_t highest) {
  const auto length = plausible_body(ahead());
  if (!length) return std::nullopt;
  const auto there = fill(kRecordHeadSize + *length);
  if (!there) return Failure(there.error());
  if (!*there) return std::nullopt;
  const char* head = ahead().data() + sizeof(std::uint32_t);
  const auto hash = journal::take<std::uint32_t>(head);
  for (std::uint64_t offset = lowest; offset <= highest && hashed_ < kHashedAtMost; ++offset) {
    hashed_ += *length;
    if (journal::decode_body(offset, hash, {head, *length})) return offset;
  }
  return std::nullopt;
}

Result<SegmentReader::Tail> SegmentReader::tail() {
  const std::uint64_t begin = position_;
  Tail tail;
  std::optional<std::uint64_t> stated;
  while (true) {
    buffer_.clear();
    const auto there = fill(kSmallestRecord);
    if (!there || buffer_.empty()) {
      position_ = begin;
      if (!there) return Failure(there.error());
      tail.records = records_in(tail.bytes, stated);
      return tail;
    }
    if (position_ == begin && *there) {
      if (const auto body = plausible_body(ahead())) stated = kRecordHeadSize + *body;
    }
    if (const auto last = ahead().find_last_not_of('\0'); last != std::string_view::npos)
      tail.bytes = position_ + last + 1 - begin;
    position_ += ahead().size();
  }
}

Result<void> copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                       FileSystem& files) {
  auto source = files.open(from, FileSystem::Open::to_read);
  if (!source) return Failure(source.error());
  auto target = files.open(to, FileSystem::Open::anew);
  if (!target) return Failure(target.error());
  std::vector<char> chunk(kChunk);
  for (std::uint64_t position = 0;;) {
    const auto got = read_over_damage(**source, position, chunk);
    if (!got) return Failure(got.error());
    if (got->bytes == 0) return (*target)->sync();
    const std::array parts{std::string_view(chunk.data(), got->bytes)};
    if (auto written = (*target)->write(position, parts); !written) return written;
    position += got->bytes;
  }
}

Result<std::string> keep_damaged(const std::filesystem::path& folder, std::uint64_t first_offset,
                                 FileSystem& files) {
  const auto path = journal::segment_path(folder, first_offset);
  const std::string beginning = path.filename().string() + ".corrupt.";
  std::size_t copies = 0;
  for (const auto& [name, size] : files.list(folder).value_or(std::vector<FileSystem::Entry>{})) {
    if (name.starts_with(beginning)) return fmt::format("kept as '{}' already", (folder / name).string());
    if (name.find(".corrupt.") != std::string::npos) ++copies;
  }
  if (copies >= kCopiesAtMost)
    return Failure(fmt::format("not kept: there are {} copies of others already", copies));
  const auto aside = folder / fmt::format("{}{}", beginning, std::time(nullptr));
  const auto copied = copy_file(path, aside, files);
  if (copied) return fmt::format("kept as '{}'", aside.string());
  [[maybe_unused]] const auto removed = files.remove(aside);
  return Failure("no copy could be kept: " + copied.error());
}

}  // namespace lookout
