#include "common/journal_writer.h"

#include <spdlog/spdlog.h>

#include <array>
#include <ctime>
#include <limits>
#include <thread>
#include <utility>

namespace lookout {
namespace {

using journal::kBodyHeadSize;
using journal::kHeaderSize;
using journal::kRecordHeadSize;

constexpr const char* kSpareName = "spare";
constexpr auto kBurst = std::chrono::microseconds{500};

Failure failed(std::string_view what, const std::filesystem::path& path, const std::string& why) {
  return Failure(fmt::format("{} '{}': {}", what, path.string(), why));
}

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::open(std::filesystem::path folder,
                                                           const JournalConfig& config,
                                                           std::uint64_t at_least, FileSystem& files) {
  if (auto made = files.make_folder(folder); !made) return Failure(made.error());
  if (auto lasts = files.sync_folder(folder.parent_path()); !lasts) return Failure(lasts.error());
  std::unique_ptr<JournalWriter> writer(new JournalWriter(std::move(folder), config, files));
  if (auto recovered = writer->recover(at_least); !recovered) return Failure(recovered.error());
  return writer;
}

Result<void> JournalWriter::recover(std::uint64_t at_least) {
  // A spare left by a killed process may be half made: a new one costs nothing.
  if (auto removed = files_.remove(folder_ / kSpareName); !removed) return removed;
  auto segments = list_segments(folder_, files_);
  if (!segments) return Failure(segments.error());
  segments_ = std::move(*segments);
  if (segments_.empty()) return begin_at(at_least);
  if (auto lasts = sync_older(); !lasts) return lasts;
  const std::uint64_t newest = segments_.rbegin()->first;
  const auto damaged = open_newest(newest);
  if (!damaged) {
    // Above whatever it may have held: what is gone is to be seen.
    const std::uint64_t held = segments_.at(newest) / (kRecordHeadSize + kBodyHeadSize) + 1;
    set_aside(newest, damaged.error());
    return begin_at(std::max(at_least, newest + held));
  }
  const std::uint64_t unused = std::max(at_least, end() + *damaged);
  return end() < unused ? begin_at(unused) : Result<void>{};
}

// A killed process may have left more than the newest without a sync, and the next sync() speaks for all.
Result<void> JournalWriter::sync_older() {
  for (auto segment = segments_.begin(); std::next(segment) != segments_.end(); ++segment) {
    const auto file = files_.open(journal::segment_path(folder_, segment->first), FileSystem::Open::to_read);
    if (!file) {
      spdlog::error("journal: {}", file.error());
    } else if (auto synced = (*file)->sync(); !synced) {
      return failed("cannot sync the journal in", folder_, synced.error());
    }
  }
  return {};
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
  if (const auto renamed = files_.rename(path, aside); !renamed) spdlog::error("{}", renamed.error());
  segments_.erase(first_offset);
}

// Returns how many records may have been handed out that are damaged at its end.
Result<std::uint64_t> JournalWriter::open_newest(std::uint64_t first_offset) {
  const auto path = journal::segment_path(folder_, first_offset);
  auto segment = SegmentReader::open(folder_, first_offset, files_);
  if (!segment) return Failure(segment.error());
  while (true) {
    const auto record = segment->next(std::numeric_limits<std::uint64_t>::max());
    if (!record) return failed("cannot read", path, record.error());
    if (!*record) break;
  }
  const auto damaged = keep_what_is_cut(*segment, first_offset);
  if (!damaged) return damaged;
  auto file = files_.open(path, FileSystem::Open::to_change);
  if (!file) return Failure(file.error());
  const std::string header = journal::encode_header(first_offset);
  const std::array parts{std::string_view(header)};
  auto mended = segment->has_header() ? Result<void>{} : (*file)->write(0, parts);
  // Cutting and growing again leaves zeros behind the last whole record, whatever was torn there. Damaged
  // records are cut off only when the next segment has begun: until then they show which offsets were used.
  if (mended && *damaged == 0) mended = (*file)->cut(segment->position());
  if (!mended) return failed("cannot mend", path, mended.error());
  if (auto reserved = (*file)->reserve(std::max(config_.segment, segment->position())); !reserved)
    spdlog::warn("journal: cannot reserve space for '{}': {}", path.string(), reserved.error());
  current_ = std::move(*file);
  unsynced_.push_back(current_);
  position_ = segment->position();
  segments_[first_offset] = position_;
  end_ = segment->offset();
  return damaged;
}

// A killed process leaves the beginning of one record, which was never acknowledged. Anything else is damage
// to records that may have been: a copy is kept of what this start cannot read.
Result<std::uint64_t> JournalWriter::keep_what_is_cut(SegmentReader& segment, std::uint64_t first_offset) {
  const auto path = journal::segment_path(folder_, first_offset);
  const auto torn = segment.tail();
  if (!torn) return failed("cannot read", path, torn.error());
  for (const JournalDamage& damage : segment.damage()) {
    spdlog::error("journal: offsets {} to {} are damaged in '{}'", damage.first, damage.end - 1,
                  path.string());
  }
  const bool has_content = torn->bytes > 0 || segment.offset() > first_offset;
  if (!segment.damage().empty() || torn->records > 0 || (!segment.has_header() && has_content)) {
    spdlog::error(
        "journal: '{}' is damaged, also in what may have been acknowledged; {} bytes are cut off before "
        "offset {}: {}",
        path.string(), torn->bytes, segment.offset(), keep_damaged(folder_, first_offset, files_));
  } else if (torn->bytes > 0) {
    spdlog::warn("journal: the last write was interrupted: {} bytes after offset {} of '{}' were cut off",
                 torn->bytes, segment.offset(), path.string());
  }
  return torn->records;
}

Result<std::shared_ptr<File>> JournalWriter::make_spare() {
  const auto path = folder_ / kSpareName;
  auto file = files_.open(path, FileSystem::Open::anew);
  if (!file) return Failure(file.error());
  if (auto reserved = (*file)->reserve(config_.segment); !reserved) {
    [[maybe_unused]] const auto removed = files_.remove(path);
    return failed("cannot reserve space for", path, reserved.error());
  }
  return std::shared_ptr<File>(std::move(*file));
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
  std::shared_ptr<File> spare;
  {
    const std::lock_guard lock(mutex_);
    spare = spare_;
  }
  if (!spare) return Failure("journal: the next segment is not ready");
  const std::uint64_t first_offset = end();
  const auto path = journal::segment_path(folder_, first_offset);
  const std::string header = journal::encode_header(first_offset);
  const std::array parts{std::string_view(header)};
  if (auto begun = spare->write(0, parts); !begun) return failed("cannot begin segment", path, begun.error());
  if (auto named = files_.rename(folder_ / kSpareName, path); !named) return named;
  if (current_) {
    if (const auto cut = current_->cut(position_); !cut)
      spdlog::warn("journal: cannot cut the segment before '{}': {}", path.string(), cut.error());
  }
  const std::lock_guard lock(mutex_);
  spare_.reset();
  current_ = spare;
  unsynced_.push_back(current_);
  names_unsynced_ = true;
  segments_[first_offset] = kHeaderSize;
  position_ = kHeaderSize;
  return {};
}

Result<std::uint64_t> JournalWriter::append(const MessageView& message, journal::Kind kind,
                                            const journal::Stamp& stamp) {
  const std::size_t body_size = journal::body_size(message);
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

  const std::array parts{std::string_view(head.data(), head.size()), message.topic, message.payload};
  if (auto written = current_->write(position_, parts); !written)
    return failed("cannot append to the journal in", folder_, written.error());
  position_ += kRecordHeadSize + body_size;
  const std::lock_guard lock(mutex_);
  segments_.rbegin()->second = position_;
  end_.store(offset + 1, std::memory_order_release);
  appended_.notify_one();
  return offset;
}

Result<void> JournalWriter::sync() {
  std::vector<std::shared_ptr<File>> files;
  bool names = false;
  {
    const std::lock_guard lock(mutex_);
    files = unsynced_;
    unsynced_ = {current_};
    names = std::exchange(names_unsynced_, false);
  }
  for (const auto& file : files) {
    if (auto synced = file->sync(); !synced)
      return failed("cannot sync the journal in", folder_, synced.error());
  }
  // A segment began, and its name must last as well.
  return names ? files_.sync_folder(folder_) : Result<void>{};
}

void JournalWriter::trim(std::uint64_t offset, std::uint64_t keep) {
  std::vector<std::filesystem::path> unwanted;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t total = 0;
    for (const auto& [first_offset, bytes] : segments_) total += bytes;
    while (segments_.size() > 1 && total > keep && std::next(segments_.begin())->first <= offset) {
      total -= segments_.begin()->second;
      unwanted.push_back(journal::segment_path(folder_, segments_.begin()->first));
      segments_.erase(segments_.begin());
    }
  }
  for (const auto& path : unwanted) {
    if (const auto removed = files_.remove(path); !removed) spdlog::warn("journal: {}", removed.error());
  }
}

std::uint64_t JournalWriter::first() const {
  const std::lock_guard lock(mutex_);
  return segments_.begin()->first;
}

std::uint64_t JournalWriter::high_water() const {
  return static_cast<std::uint64_t>(config_.high * static_cast<double>(config_.limit));
}

std::uint64_t JournalWriter::low_water() const {
  return static_cast<std::uint64_t>(config_.low * static_cast<double>(config_.limit));
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

// Waking for every record of a burst costs both threads more than the records do: once one has come, a moment
// for those behind it. Nobody waits on the condition then, and a notification is no system call.
std::uint64_t JournalWriter::wait_beyond(std::uint64_t offset,
                                         std::chrono::steady_clock::time_point deadline) {
  bool woken = false;
  {
    std::unique_lock lock(mutex_);
    appended_.wait_until(lock, deadline, [&] { return end() > offset || woken_; });
    woken = std::exchange(woken_, false);
  }
  if (!woken && end() > offset) std::this_thread::sleep_for(kBurst);
  return end();
}

void JournalWriter::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  appended_.notify_one();
}

}  // namespace lookout
