#include "common/journal_writer.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <ctime>

namespace lookout {
namespace {

using journal::kBodyHeadSize;
using journal::kHeaderSize;
using journal::kRecordHeadSize;

constexpr const char* kSpareName = "spare";

Result<void> allocate(const FileHandle& file, std::uint64_t size, const std::filesystem::path& path) {
  // posix_fallocate returns the error; it does not set errno.
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)); error != 0) {
    errno = error;
    return Failure(describe_errno("cannot reserve space for", path));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::open(std::filesystem::path folder,
                                                           const JournalConfig& config,
                                                           std::uint64_t at_least) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Failure(fmt::format("cannot make '{}': {}", folder.string(), error.message()));
  std::unique_ptr<JournalWriter> writer(new JournalWriter(std::move(folder), config));
  if (auto recovered = writer->recover(at_least); !recovered) return Failure(recovered.error());
  return writer;
}

Result<void> JournalWriter::recover(std::uint64_t at_least) {
  std::error_code error;
  // A spare left by a killed process may be half made: a new one costs nothing.
  std::filesystem::remove(folder_ / kSpareName, error);
  segments_ = list_segments(folder_);
  if (segments_.empty()) return begin_at(at_least);
  const std::uint64_t newest = segments_.rbegin()->first;
  if (auto opened = open_newest(newest); !opened) {
    set_aside(newest, opened.error());
    return begin_at(std::max(at_least, newest));
  }
  return end() < at_least ? begin_at(at_least) : Result<void>{};
}

Result<void> JournalWriter::begin_at(std::uint64_t offset) {
  auto spare = make_spare();
  if (!spare) return Failure(spare.error());
  spare_ = std::move(*spare);
  if (offset > end())
    spdlog::warn("journal: goes on at offset {}: what lies before was not on the disk", offset);
  end_ = offset;
  return rotate();
}

void JournalWriter::set_aside(std::uint64_t first_offset, const std::string& why) {
  const auto path = journal::segment_path(folder_, first_offset);
  const std::string aside = fmt::format("{}.corrupt.{}", path.string(), std::time(nullptr));
  spdlog::error("journal: {}: set aside as '{}'", why, aside);
  ::rename(path.c_str(), aside.c_str());
  segments_.erase(first_offset);
}

Result<void> JournalWriter::open_newest(std::uint64_t first_offset) {
  const auto path = journal::segment_path(folder_, first_offset);
  const auto scanned = scan_segment(path, first_offset);
  if (!scanned) return Failure(scanned.error());
  auto file = open_file(path, O_RDWR);
  if (!file) return Failure(file.error());
  if (scanned->torn_bytes > 0) keep_torn_bytes(path, *scanned);
  // Cutting and growing again leaves zeros behind the last whole record, whatever was torn there.
  if (::ftruncate(file->get(), static_cast<off_t>(scanned->bytes)) != 0)
    return Failure(describe_errno("cannot cut", path));
  if (auto reserved = allocate(*file, std::max(config_.segment, scanned->bytes), path); !reserved) {
    spdlog::warn("journal: {}", reserved.error());
  }
  current_ = std::make_shared<FileHandle>(std::move(*file));
  unsynced_.push_back(current_);
  position_ = scanned->bytes;
  segments_[first_offset] = position_;
  end_ = scanned->end;
  return {};
}

// A killed process leaves the beginning of one record, which was never acknowledged. More than one record's
// worth is damage to records that may have been: a copy is kept of what this start cannot read.
void JournalWriter::keep_torn_bytes(const std::filesystem::path& path, const SegmentScan& scanned) {
  if (!scanned.more_behind) {
    spdlog::warn("journal: the last write was interrupted: {} bytes after offset {} of '{}' were cut off",
                 scanned.torn_bytes, scanned.end, path.string());
    return;
  }
  const std::string aside = fmt::format("{}.corrupt.{}", path.string(), std::time(nullptr));
  std::error_code error;
  std::filesystem::copy_file(path, aside, error);
  spdlog::error(
      "journal: '{}' is damaged from offset {} on ({} bytes, some of which may have been acknowledged): {}",
      path.string(), scanned.end, scanned.torn_bytes,
      error ? "no copy could be kept: " + error.message() : "kept as '" + aside + "'");
}

Result<std::shared_ptr<FileHandle>> JournalWriter::make_spare() {
  const auto path = folder_ / kSpareName;
  auto file = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  if (!file) return Failure(file.error());
  if (auto reserved = allocate(*file, config_.segment, path); !reserved) {
    ::unlink(path.c_str());
    return Failure(reserved.error());
  }
  return std::make_shared<FileHandle>(std::move(*file));
}

Result<void> JournalWriter::prepare() {
  {
    const std::lock_guard lock(mutex_);
    if (spare_) return {};
  }
  auto spare = make_spare();
  if (!spare) return Failure(spare.error());
  const std::lock_guard lock(mutex_);
  spare_ = std::move(*spare);
  return {};
}

// The old segment is cut to its content, so that a reader that meets its end knows to go on with the next.
Result<void> JournalWriter::rotate() {
  std::shared_ptr<FileHandle> spare;
  {
    const std::lock_guard lock(mutex_);
    spare = spare_;
  }
  if (!spare) return Failure("journal: the next segment is not ready");
  const std::uint64_t first_offset = end();
  const auto path = journal::segment_path(folder_, first_offset);
  const std::string header = journal::encode_header(first_offset);
  if (::pwrite(spare->get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()) ||
      ::rename((folder_ / kSpareName).c_str(), path.c_str()) != 0) {
    return Failure(describe_errno("cannot begin segment", path));
  }
  if (current_ && ::ftruncate(current_->get(), static_cast<off_t>(position_)) != 0) {
    spdlog::warn("journal: {}", describe_errno("cannot cut the segment before", path));
  }
  const std::lock_guard lock(mutex_);
  spare_.reset();
  current_ = spare;
  unsynced_.push_back(current_);
  segments_[first_offset] = kHeaderSize;
  position_ = kHeaderSize;
  return {};
}

Result<std::uint64_t> JournalWriter::append(const MessageView& message, journal::Kind kind,
                                            const journal::Stamp& stamp) {
  const std::size_t body_size = kBodyHeadSize + message.topic.size() + message.payload.size();
  if (body_size > journal::kLargestBody) return Failure("journal: the message is too large to be kept");
  if (position_ + kRecordHeadSize + body_size > config_.segment && position_ > kHeaderSize) {
    if (auto rotated = rotate(); !rotated) return Failure(rotated.error());
  }
  const std::uint64_t offset = end_.load(std::memory_order_relaxed);
  std::array<char, kRecordHeadSize + kBodyHeadSize> head;
  char* body = head.data() + kRecordHeadSize;
  char* to = body;
  journal::put(to, kind);
  journal::put(to, static_cast<std::uint8_t>((message.retain ? journal::kFlagRetain : 0) |
                                             (message.cut ? journal::kFlagCut : 0) |
                                             (stamp.trusted ? 0 : journal::kFlagUntrusted)));
  journal::put(to, static_cast<std::uint16_t>(message.topic.size()));
  journal::put(to, message.arrival.time_since_epoch().count());
  journal::put(to, stamp.connected.count());
  to = head.data();
  journal::put(to, static_cast<std::uint32_t>(body_size));
  journal::put(to, journal::hash_body(offset, {body, kBodyHeadSize}, message.topic, message.payload));

  const std::array<iovec, 3> parts{{{head.data(), head.size()},
                                    {const_cast<char*>(message.topic.data()), message.topic.size()},
                                    {const_cast<char*>(message.payload.data()), message.payload.size()}}};
  const auto size = static_cast<ssize_t>(kRecordHeadSize + body_size);
  if (::pwritev(current_->get(), parts.data(), parts.size(), static_cast<off_t>(position_)) != size) {
    return Failure(describe_errno("cannot append to the journal in", folder_));
  }
  position_ += static_cast<std::uint64_t>(size);
  const std::lock_guard lock(mutex_);
  segments_.rbegin()->second = position_;
  end_.store(offset + 1, std::memory_order_release);
  appended_.notify_one();
  return offset;
}

Result<void> JournalWriter::sync() {
  std::vector<std::shared_ptr<FileHandle>> files;
  {
    const std::lock_guard lock(mutex_);
    files = unsynced_;
    unsynced_ = {current_};
  }
  for (const auto& file : files) {
    if (::fdatasync(file->get()) != 0) return Failure(describe_errno("cannot sync the journal in", folder_));
  }
  // More than one file: a segment began, and its name must last as well.
  return files.size() > 1 ? sync_folder(folder_) : Result<void>{};
}

void JournalWriter::trim(std::uint64_t offset) {
  std::vector<std::filesystem::path> unwanted;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t total = 0;
    for (const auto& [first_offset, bytes] : segments_) total += bytes;
    while (segments_.size() > 1 && total > config_.limit && std::next(segments_.begin())->first <= offset) {
      total -= segments_.begin()->second;
      unwanted.push_back(journal::segment_path(folder_, segments_.begin()->first));
      segments_.erase(segments_.begin());
    }
  }
  for (const auto& path : unwanted) ::unlink(path.c_str());
}

std::uint64_t JournalWriter::first() const {
  const std::lock_guard lock(mutex_);
  return segments_.begin()->first;
}

std::uint64_t JournalWriter::size_bytes() const { return bytes_from(0, 0); }

std::uint64_t JournalWriter::bytes_from(std::uint64_t segment, std::uint64_t position) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& [first_offset, bytes] : segments_) {
    if (first_offset >= segment) total += bytes;
  }
  return total - std::min(total, position);
}

std::uint64_t JournalWriter::wait_beyond(std::uint64_t offset,
                                         std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  appended_.wait_until(lock, deadline, [&] { return end() > offset || woken_; });
  woken_ = false;
  return end();
}

void JournalWriter::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  appended_.notify_one();
}

}  // namespace lookout
