#include "bridge/archive/archive.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "bridge/archive/retention.h"
#include "common/disk_room.h"

namespace lookout {
namespace {

// A reader who stays keeps it from being reset: then the file ends before the log does harm. Without one it
// is reset at 16 MiB; one batch more comes on top.
constexpr std::uint64_t kLargestLog = std::uint64_t{24} << 20;
// Less of the open file makes no room to speak of.
constexpr std::uint64_t kWorthEnding = std::uint64_t{1} << 20;
constexpr auto kSealAgain = std::chrono::minutes{10};
constexpr auto kEvictAgain = std::chrono::minutes{1};

}  // namespace

Archive::Archive(ArchiveCatalogue catalogue, const ArchiveConfig& config, Microseconds identity_window)
    : config_(config),
      identity_window_(identity_window),
      file_size_(file_size(config, disk_size(catalogue.folder()))),
      catalogue_(std::move(catalogue)),
      closed_repeats_(catalogue_.folder()) {}

Archive::~Archive() = default;

ArchiveResult<std::unique_ptr<Archive>> Archive::open(const std::filesystem::path& folder,
                                                      const ArchiveConfig& config,
                                                      Microseconds identity_window,
                                                      const ForwardedUpTo& forwarded) {
  auto catalogue = ArchiveCatalogue::open(folder);
  if (!catalogue) return std::unexpected(std::move(catalogue.error()));
  std::unique_ptr<Archive> archive(new Archive(std::move(*catalogue), config, identity_window));
  if (auto opened = archive->open_making_room(forwarded); !opened)
    return std::unexpected(std::move(opened.error()));
  archive->find_end();
  archive->give_up_damaged();
  return archive;
}

// The bridge that was killed on a full disk would have gone on there as well.
ArchiveResult<void> Archive::open_making_room(const ForwardedUpTo& forwarded) {
  auto opened = open_newest();
  while (!opened && opened.error().kind == ArchiveFailure::Kind::disk_full) {
    find_end();
    if (forwarded) forwarded_ = forwarded(epoch_);
    const auto room = make_room();
    if (!room || !*room) break;
    opened = open_newest();
  }
  return opened;
}

ArchiveResult<void> Archive::open_newest() {
  if (!catalogue_.open_file()) return {};
  auto opened = OpenFile::open(catalogue_.path_of(*catalogue_.open_file()));
  if (opened) {
    open_ = std::move(*opened);
    return {};
  }
  if (opened.error().kind != ArchiveFailure::Kind::damaged) return std::unexpected(std::move(opened.error()));
  return catalogue_.set_open_aside(opened.error().text);
}

void Archive::find_end() {
  const auto& closed = catalogue_.closed();
  const FileSummary* newest = open_ ? &open_->summary() : closed.empty() ? nullptr : &closed.back().summary;
  epoch_ = newest ? newest->epoch : draw_epoch();
  if (newest) committed_end_ = newest->end_offset;
  for (const FileSummary* summary : {newest, closed.empty() ? nullptr : &closed.back().summary}) {
    if (summary && summary->arrivals) arrival_ = std::max(arrival_, summary->arrivals->to);
  }
  // An offset that a damaged file has used is not used again.
  if (const auto& aside = catalogue_.newest_aside())
    committed_end_ = std::max(committed_end_.value_or(0), *aside);
  added_end_ = committed_end_;
}

void Archive::give_up_damaged() {
  for (const ClosedFile& file : catalogue_.closed()) {
    if (file.damage) give_up_closed(file.name.first_offset, *file.damage);
  }
  if (!gaps_to_note_.empty()) note_durably();
}

bool Archive::starts_new_file(Timestamp arrival) const {
  // An empty file takes the next message, whatever its name says.
  if (!open_ || added_end_.value_or(0) <= open_->summary().first_offset) return false;
  return day_of(arrival) > catalogue_.open_file()->day || open_->bytes() >= file_size_ ||
         open_->log_bytes() >= kLargestLog;
}

void Archive::close_file() {
  FileSummary summary = open_->summary();
  open_.reset();
  catalogue_.close(std::move(summary));
  seal_again_at_ = {};
}

ArchiveResult<void> Archive::begin(std::uint64_t offset, Timestamp arrival) {
  if (starts_new_file(arrival)) close_file();
  if (!open_) {
    const ArchiveName name{offset, day_of(arrival), false};
    auto created = OpenFile::create(catalogue_.path_of(name), epoch_, offset);
    if (!created) return std::unexpected(std::move(created.error()));
    open_ = std::move(*created);
    catalogue_.begin(name);
  }
  auto done = open_->begin();
  if (done) done = add_noted();
  return done;
}

ArchiveResult<void> Archive::add_noted() {
  for (gaps_in_batch_ = 0; gaps_in_batch_ < gaps_to_note_.size(); ++gaps_in_batch_) {
    if (auto added = open_->add_gap(gaps_to_note_[gaps_in_batch_].gap); !added) return added;
  }
  return {};
}

ArchiveResult<void> Archive::add_message(std::uint64_t offset, const MessageView& message) {
  auto done = note_missing(offset, message.arrival);
  if (done) done = open_->add_message(offset, message);
  if (!done) return done;
  arrival_ = message.arrival;
  added_end_ = offset + 1;
  return {};
}

ArchiveResult<void> Archive::note_missing(std::uint64_t offset, Timestamp arrival) {
  if (!added_end_ || offset <= *added_end_) return {};
  const bool is_aside = catalogue_.newest_aside() && *catalogue_.newest_aside() >= *added_end_;
  Gap gap{.first_offset = *added_end_,
          .end_offset = offset,
          .why = is_aside ? "corrupt" : "journal",
          .times = {},
          .noted = arrival};
  if (arrival_ != Timestamp{}) gap.times = Coverage::Stretch{std::min(arrival_, arrival), arrival};
  spdlog::error("archive: offsets {} to {} are missing", gap.first_offset, gap.end_offset - 1);
  return open_->add_gap(gap);
}

template <typename MayHold, typename Holds>
ArchiveResult<bool> Archive::is_in_closed(MayHold may_hold, Holds holds) {
  for (std::size_t i = catalogue_.closed().size(); i-- > 0;) {
    const ClosedFile& file = catalogue_.closed()[i];
    if (file.damage || !may_hold(file.summary)) continue;
    const auto found = holds(file.name);
    if (found && *found) return true;
    if (found) continue;
    std::error_code error;
    const bool was_taken = !std::filesystem::exists(catalogue_.path_of(file.name), error) && !error;
    if (found.error().kind != ArchiveFailure::Kind::damaged && !was_taken) return found;
    give_up_closed(file.name.first_offset, found.error().text);
  }
  return false;
}

ArchiveResult<bool> Archive::add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                         const Reading& reading) {
  const bool by_time = reading.identity_has_time && !reading.identity_is_by_name;
  const auto may_hold = [&](const FileSummary& summary) {
    return by_time ? summary.event_times.may_hold(reading.event_time)
                   : summary.arrived(arrival_ - identity_window_, arrival_ + identity_window_);
  };
  const auto holds = [&](const ArchiveName& name) {
    return closed_repeats_.holds(name, series, reading, arrival_, identity_window_);
  };
  if (reading.identity) {
    auto known = open_->holds(series, reading, arrival_, identity_window_);
    if (known && !*known) known = is_in_closed(may_hold, holds);
    if (!known) return known;
    if (*known) return false;
  }
  if (auto added = open_->add_reading(offset, part, series, reading); !added)
    return std::unexpected(std::move(added.error()));
  return true;
}

ArchiveResult<bool> Archive::add_aggregate(std::uint64_t offset, const AggregateRow& row) {
  auto known = open_->holds(row);
  if (known && !*known) {
    known = is_in_closed([&](const FileSummary& summary) { return summary.windows.may_hold(row.start); },
                         [&](const ArchiveName& name) { return closed_repeats_.holds(name, row); });
  }
  if (!known) return known;
  if (*known) return false;
  if (auto added = open_->add_aggregate(offset, row); !added)
    return std::unexpected(std::move(added.error()));
  return true;
}

ArchiveResult<void> Archive::commit() {
  auto committed = open_->commit();
  if (!committed) return committed;
  committed_end_ = added_end_;
  for (; gaps_in_batch_ > 0; --gaps_in_batch_) {
    const ToNote noted = std::move(gaps_to_note_.front());
    gaps_to_note_.erase(gaps_to_note_.begin());
    // What cannot be renamed now is tried again at the next start.
    if (!noted.is_damaged) continue;
    if (auto done = catalogue_.set_aside(noted.gap.first_offset); !done)
      spdlog::error("{}", done.error().text);
  }
  return {};
}

void Archive::abandon() {
  if (open_) open_->abandon();
  added_end_ = committed_end_;
  gaps_in_batch_ = 0;
}

// The gap is noted first: a file that is only damaged is found again, one that is gone is not.
void Archive::give_up_closed(std::uint64_t first_offset, const std::string& why) {
  closed_repeats_.let_go(first_offset);
  if (sealer_ && sealer_->first_offset() == first_offset) sealer_.reset();
  Gap gap = catalogue_.give_up(first_offset, why);
  gap.noted = arrival_;
  gaps_to_note_.push_back({std::move(gap), true});
}

ArchiveResult<bool> Archive::maintain(std::optional<Timestamp> now) {
  const auto& closed = catalogue_.closed();
  if (is_due(closed, open_ ? open_->bytes() : 0, config_, now)) {
    auto removed = evict_oldest();
    if (!removed || *removed) return removed;
  }
  return seal_next();
}

ArchiveResult<bool> Archive::seal_next() {
  if (Steady::now() < seal_again_at_) return false;
  if (!sealer_) {
    const auto& closed = catalogue_.closed();
    const auto next = std::ranges::find_if(
        closed, [](const ClosedFile& file) { return !file.name.sealed && !file.damage; });
    if (next == closed.end()) return false;
    auto begun = Sealer::begin(catalogue_.path_of(next->name), catalogue_.path_while_sealing(next->name),
                               next->summary);
    if (!begun) return sealing_failed(next->name.first_offset, begun.error());
    sealer_ = std::move(*begun);
    return true;
  }
  const auto stepped = sealer_->step();
  if (!stepped) return sealing_failed(sealer_->first_offset(), stepped.error());
  if (*stepped != Sealer::Step::whole) return *stepped == Sealer::Step::worked;
  closed_repeats_.let_go(sealer_->first_offset());
  if (auto done = catalogue_.seal(sealer_->first_offset()); !done)
    return std::unexpected(std::move(done.error()));
  sealer_.reset();
  return true;
}

ArchiveResult<bool> Archive::sealing_failed(std::uint64_t first_offset, const ArchiveFailure& failure) {
  sealer_.reset();
  if (failure.kind == ArchiveFailure::Kind::disk_full) {
    seal_again_at_ = Steady::now() + kSealAgain;
    return false;
  }
  if (failure.kind != ArchiveFailure::Kind::damaged) return std::unexpected(failure);
  give_up_closed(first_offset, failure.text);
  note_durably();
  return true;
}

ArchiveResult<bool> Archive::make_room() {
  if (sealer_) {
    sealer_.reset();  // and with it a file that is half made
    seal_again_at_ = Steady::now() + kSealAgain;
    return true;
  }
  // A folder on another disk, a file that somebody holds open, a file system that keeps what it removes: all
  // would go for nothing.
  if (Steady::now() < evict_again_at_) return false;
  const auto before = disk_room(catalogue_.folder());
  auto removed = evict_oldest();
  if (removed && !*removed && end_open_early()) removed = evict_oldest();
  if (removed && *removed && disk_room(catalogue_.folder()) <= before) {
    spdlog::warn("archive: its oldest file is gone, and made no room on the disk: the next goes in a minute");
    evict_again_at_ = Steady::now() + kEvictAgain;
  }
  return removed;
}

bool Archive::end_open_early() {
  if (!open_ || open_->bytes() < kWorthEnding || !may_go(open_->summary(), forwarded_, config_)) return false;
  close_file();
  return true;
}

ArchiveResult<bool> Archive::evict_oldest() {
  const auto found = oldest_of(catalogue_.closed());
  if (found == catalogue_.closed().end() || !may_go(found->summary, forwarded_, config_)) return false;
  const ClosedFile& oldest = *found;
  const std::uint64_t first = oldest.name.first_offset, end = oldest.summary.end_offset;
  const std::uint64_t lost = std::clamp(forwarded_, first, end);
  // Noted first: a file that is still there is removed again, of one that is gone nobody would know.
  if (lost < end && eviction_noted_ < end) {
    note_durably({.first_offset = lost,
                  .end_offset = end,
                  .why = "evicted",
                  .times = oldest.summary.arrivals,
                  .noted = arrival_});
    eviction_noted_ = end;
  }
  closed_repeats_.let_go(first);
  if (sealer_ && sealer_->first_offset() == first) sealer_.reset();
  spdlog::info("archive: {} goes: offsets {} to {}, {} MiB", to_text(oldest.name), first, end - 1,
               oldest.bytes >> 20);
  if (auto removed = catalogue_.remove(first); !removed) return std::unexpected(std::move(removed.error()));
  evicted_ += end - first;
  evicted_unforwarded_ += end - lost;
  seal_again_at_ = {};
  return true;
}

void Archive::set_damaged_aside(std::uint64_t offset, const std::string& why) {
  const auto& closed = catalogue_.closed();
  const auto file = std::ranges::find_if(closed, [&](const ClosedFile& each) {
    return !each.damage && each.name.first_offset <= offset && offset < each.summary.end_offset;
  });
  if (file == closed.end()) return;
  give_up_closed(file->name.first_offset, why);
  note_durably();
}

// On a full disk it cannot be written before there is room, which the file's going makes: then the next batch
// brings it.
void Archive::note_durably(Gap gap) {
  gaps_to_note_.push_back({std::move(gap), false});
  note_durably();
}

void Archive::note_durably() {
  if (!open_) return;
  auto done = open_->begin();
  if (done) done = add_noted();
  if (done) done = commit();
  if (!done) abandon();
}

Archive::State Archive::state() const {
  const auto& closed = catalogue_.closed();
  State state{.files = closed.size() + (open_ ? 1 : 0),
              .bytes = catalogue_.closed_bytes() + (open_ ? open_->bytes() : 0),
              .first_offset = next_offset(),
              .evicted = evicted_,
              .evicted_unforwarded = evicted_unforwarded_};
  const auto oldest = oldest_of(closed);
  state.keeps_unforwarded = state.bytes > config_.retention_size && oldest != closed.end() &&
                            !may_go(oldest->summary, forwarded_, config_);
  if (!closed.empty()) {
    state.first_offset = closed.front().name.first_offset;
  } else if (open_) {
    state.first_offset = catalogue_.open_file()->first_offset;
  }
  return state;
}

}  // namespace lookout
