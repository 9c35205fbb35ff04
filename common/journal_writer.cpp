#include "common/journal_writer.h"

#include <spdlog/spdlog.h>

#include <array>
#include <charconv>
#include <limits>
#include <thread>
#include <utility>

#include "common/file.h"

namespace lookout {
namespace {

using journal::kBodyHeadSize;
using journal::kHeaderSize;
using journal::kRecordHeadSize;

constexpr const char* kSpareName = "spare";
constexpr const char* kAnewName = "anew";
constexpr const char* kUnsyncedName = "unsynced";  // holds the first offset of the oldest such segment
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

/// What is wrong with the newest segment's end.
struct JournalWriter::Damage {
  SegmentReader::Tail tail;
  bool may_be_changed = true;  ///< nothing is lost by it that was not copied
};

Result<void> JournalWriter::recover(std::uint64_t at_least) {
  // A spare left by a killed process may be half made: a new one costs nothing.
  if (auto removed = files_.remove(folder_ / kSpareName); !removed) return removed;
  auto segments = list_segments(folder_, files_);
  if (!segments) return Failure(segments.error());
  segments_ = std::move(*segments);
  if (auto written = write_unsynced_anew(); !written) return written;
  if (segments_.empty()) return begin_at(at_least);
  if (auto lasts = sync_older(); !lasts) return lasts;
  const auto damaged = open_newest(segments_.rbegin()->first);
  if (!damaged) return Failure(damaged.error());
  const std::uint64_t unused = std::max(at_least, end() + *damaged);
  // Segments were larger before: the newest is never trimmed, and could hold the journal above its mark.
  const bool too_large = current_ && position_ > config_.segment;
  if (too_large && *damaged == 0) {
    // The room behind it is needed, and counted.
    if (const auto cut = current_->cut(position_); !cut)
      spdlog::warn("journal: cannot cut its newest segment: {}", cut.error());
  }
  return end() < unused || !current_ || too_large ? begin_at(unused) : Result<void>{};
}

// The process before could not sync them: what can be read of them may be in memory only, and the kernel will
// not write it again. In a copy it does, at another place of the disk.
Result<void> JournalWriter::write_unsynced_anew() {
  const auto mark = read_file(folder_ / kUnsyncedName, files_);
  if (!mark) return {};
  std::uint64_t from = 0;  // where the mark itself could not be written
  std::from_chars(mark->data(), mark->data() + mark->size(), from);
  spdlog::warn("journal: the last sync failed: what was written from offset {} on is written anew", from);
  for (auto segment = segments_.lower_bound(from); segment != segments_.end(); ++segment) {
    if (auto written = write_anew(segment->first); !written) return written;
  }
  if (auto lasts = files_.sync_folder(folder_); !lasts) return lasts;
  return files_.remove(folder_ / kUnsyncedName);
}

Result<void> JournalWriter::write_anew(std::uint64_t first_offset) {
  const auto path = journal::segment_path(folder_, first_offset);
  const auto anew = folder_ / kAnewName;
  auto copied = copy_file(path, anew, files_);
  if (copied) return files_.rename(anew, path);
  [[maybe_unused]] const auto removed = files_.remove(anew);
  return failed("cannot write anew what was not synced of", path, copied.error());
}

// A killed process may have left more than the newest without a sync, and the next sync() speaks for all.
Result<void> JournalWriter::sync_older() {
  for (auto segment = segments_.begin(); std::next(segment) != segments_.end(); ++segment) {
    auto file = files_.open(journal::segment_path(folder_, segment->first), FileSystem::Open::to_read);
    if (!file) return Failure(file.error());
    if (auto synced = (*file)->sync(); !synced) return failed_sync(segment->first, synced.error());
  }
  return {};
}

Result<void> JournalWriter::begin_at(std::uint64_t offset) {
  if (offset > end())
    spdlog::warn("journal: goes on at offset {}: what lies before was not on the disk", offset);
  end_ = offset;
  const auto ready = prepare();
  if (ready) return rotate();
  spdlog::error("journal: no room to begin a segment: {}", ready.error());
  const std::lock_guard lock(mutex_);
  current_.reset();  // the next append() begins one
  return {};
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
  const auto damage = keep_damage(*segment, first_offset);
  if (!damage) return Failure(damage.error());
  auto opened = files_.open(path, FileSystem::Open::to_change);
  if (!opened) return Failure(opened.error());
  const std::shared_ptr<File> file = std::move(*opened);
  unsynced_[first_offset] = file;
  position_ = segments_[first_offset] = segment->position();
  end_ = segment->offset();
  if (!damage->may_be_changed) return damage->tail.records;
  if (auto mended = mend(*segment, *damage, *file); !mended)
    return failed("cannot mend", path, mended.error());
  current_ = file;
  room_end_ = position_;
  const std::uint64_t size = std::max(config_.segment, position_);
  if (auto reserved = file->reserve(size); !reserved) {
    spdlog::warn("journal: cannot reserve space for '{}': {}", path.string(), reserved.error());
  } else {
    room_end_ = size;
  }
  return damage->tail.records;
}

// A killed process leaves the beginning of one record, which was never acknowledged. Anything else is damage
// to records that may have been: a copy is kept of what this start cannot read.
Result<JournalWriter::Damage> JournalWriter::keep_damage(SegmentReader& segment, std::uint64_t first_offset) {
  const auto path = journal::segment_path(folder_, first_offset);
  const auto torn = segment.tail();
  if (!torn) return failed("cannot read", path, torn.error());
  for (const JournalDamage& damage : segment.damage()) {
    spdlog::error("journal: offsets {} to {} are damaged in '{}'", damage.first, damage.end - 1,
                  path.string());
  }
  const bool has_content = torn->bytes > 0 || segment.offset() > first_offset;
  if (segment.is_readable() && segment.damage().empty() && torn->records == 0 &&
      (segment.has_header() || !has_content)) {
    if (torn->bytes > 0) {
      spdlog::warn("journal: the last write was interrupted: {} bytes after offset {} of '{}' were cut off",
                   torn->bytes, segment.offset(), path.string());
    }
    return Damage{*torn};
  }
  const auto kept = keep_damaged(folder_, first_offset, files_);
  const bool may_be_changed = kept && segment.is_readable();
  spdlog::error(
      "journal: '{}' is damaged, also in what may have been acknowledged; {} bytes are {} behind offset {}: "
      "{}",
      path.string(), torn->bytes, may_be_changed ? "cut off" : "left", segment.offset(),
      kept ? *kept : kept.error());
  return Damage{*torn, may_be_changed};
}

// Wiped out in place: disk space that was given back for a moment may be gone. Damaged records are cut off
// only when the next segment has begun: until then they show which offsets were used.
Result<void> JournalWriter::mend(const SegmentReader& segment, const Damage& damage, File& file) {
  if (!segment.has_header()) {
    const std::string header = journal::encode_header(segments_.rbegin()->first);
    const std::array parts{std::string_view(header)};
    if (auto written = file.write(0, parts); !written) return written;
  }
  if (damage.tail.bytes == 0 || damage.tail.records > 0) return {};
  const std::string zeros(damage.tail.bytes, '\0');
  const std::array parts{std::string_view(zeros)};
  return file.write(segment.position(), parts);
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

bool JournalWriter::is_prepared() const {
  const std::lock_guard lock(mutex_);
  return spare_ != nullptr;
}

Result<void> JournalWriter::prepare() {
  if (is_prepared()) return {};
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
  room_end_ = config_.segment;
  unsynced_[first_offset] = current_;
  names_unsynced_ = true;
  segments_[first_offset] = kHeaderSize;
  position_ = kHeaderSize;
  rotated_ = true;
  return {};
}

Result<std::uint64_t> JournalWriter::append(const MessageView& message, journal::Kind kind,
                                            const journal::Stamp& stamp) {
  const std::size_t body_size = journal::body_size(message);
  if (body_size > journal::kLargestBody) return Failure("journal: the message is too large to be kept");
  const bool fits = position_ + kRecordHeadSize + body_size <= room_end_;
  if (!current_ || (!fits && (position_ > kHeaderSize || room_end_ < config_.segment))) {
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
  const std::lock_guard one(sync_mutex_);
  std::map<std::uint64_t, std::shared_ptr<File>> files;
  bool names = false;
  {
    const std::lock_guard lock(mutex_);
    files = std::exchange(unsynced_, {});
    if (current_) unsynced_[segments_.rbegin()->first] = current_;
    names = std::exchange(names_unsynced_, false);
  }
  for (const auto& [first_offset, file] : files) {
    if (auto synced = file->sync(); !synced) return failed_sync(files.begin()->first, synced.error());
  }
  // A segment began, and its name must last as well.
  if (!names) return {};
  auto synced = files_.sync_folder(folder_);
  return synced ? synced : failed_sync(files.empty() ? end() : files.begin()->first, synced.error());
}

// The mark is not synced: it is for a start that finds the same memory, and another one needs none. Where it
// cannot be made, nothing can be written there before the memory is gone as well.
Failure JournalWriter::failed_sync(std::uint64_t first_unsynced, const std::string& why) {
  const auto path = folder_ / kUnsyncedName;
  if (read_file(path, files_)) return failed("cannot sync the journal in", folder_, why);  // an earlier one
  const std::string offset = std::to_string(first_unsynced);
  const std::array parts{std::string_view(offset)};
  if (const auto mark = files_.open(path, FileSystem::Open::anew)) {
    [[maybe_unused]] const auto written = (*mark)->write(0, parts);
  }
  return failed("cannot sync the journal in", folder_, why);
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
  return segments_.empty() ? end() : segments_.begin()->first;
}

std::uint64_t JournalWriter::room() const {
  const std::lock_guard lock(mutex_);
  return current_ ? room_end_ - std::min(room_end_, segments_.rbegin()->second) : 0;
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
