#include "gateway/worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "gateway/publish.h"
#include "gateway/stats.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kSaveInterval = 1s;
constexpr auto kLastSnapshotPatience = 2s;  // what a broker that does not answer takes of a stop is more
constexpr auto kEndingPatience = 200ms;     // for a process that was ended: a disk can put that off
constexpr auto kStatsInterval = 10s;
constexpr auto kSnapshotInterval = 60s;
constexpr std::uint64_t kJournalPerSnapshot = 3;  // bytes of journal worth one of snapshot
constexpr std::uint64_t kTrimmedAtOnce = 16;      // this part of a journal that is more than half full
constexpr auto kSnapshotRetry = 10s;              // on a disk that is full
constexpr auto kTickRetry = 1s;
constexpr auto kShortestWait = 10ms;
constexpr int kRecordsBetweenLooksAtTheClock = 256;

}  // namespace

std::expected<std::unique_ptr<Worker>, std::vector<Problem>> Worker::create(
    const Config& config, const std::string& box_id, const std::filesystem::path& folder) {
  if (auto restored = SnapshotStore(folder).load(box_id))
    return std::unique_ptr<Worker>(new Worker(std::move(restored->head), std::move(restored->machine),
                                              std::move(restored->replay), folder));
  auto machine = Machine::create(config, box_id);
  if (!machine) return std::unexpected(std::move(machine.error()));
  return std::unique_ptr<Worker>(new Worker({}, std::move(*machine), Replay(config, box_id), folder));
}

Worker::Worker(SnapshotHead head, Machine machine, Replay replay, const std::filesystem::path& folder)
    : machine_(std::move(machine)),
      replay_(std::move(replay)),
      store_(folder),
      writer_(store_),
      restored_(std::move(head)),
      start_(load_cursor(folder / "cursor")),
      cursor_file_(folder / "cursor"),
      last_connected_(restored_.connected),
      next_offset_(restored_.offset),
      cursor_(start_) {
  cursor_keeper_.add(every(kSaveInterval, [this] { sync_cursor(); }));
}

// A record whose outputs were confirmed in part had the cursor's offset, even if a power cut took it from the
// journal.
std::uint64_t Worker::first_unused_offset() const {
  return std::max(start_.offset + (start_.index > 0 ? 1 : 0), restored_.offset);
}

Result<void> Worker::run(Service& service, const std::stop_token& stop) {
  JournalWriter& journal = service.journal();
  reader_.emplace(journal.folder(), restored_.offset, journal.end(), machine_);
  spdlog::info(
      "gateway: goes on at offset {} of the journal, whose end is {}; what it gave before offset {} is "
      "published already",
      restored_.offset, journal.end(), start_.offset);
  last_stats_ = last_snapshot_ = last_good_snapshot_ = Clock::now();
  next_stats_ = last_stats_ + kStatsInterval;
  trim(service);
  cursor_keeper_.start();
  int records = 0;
  // What is stopped in the middle of a record's outputs ends without a snapshot: the next start computes the
  // record again, as after a kill.
  if (!resume(service, stop)) return {};
  while (!stop.stop_requested()) {
    const auto item = reader_->next(journal.end());
    if (!item) return Failure(item.error());
    if (*item && !process(**item, service, stop)) return {};
    if (*item && ++records % kRecordsBetweenLooksAtTheClock != 0) continue;
    if (!announce(service, stop) || !housekeeping(service, stop)) break;
    service.flush();
    if (*item) continue;
    journal.wait_beyond(reader_->position(), std::min({next_save_, next_stats_, tick_if_due(service)}));
  }
  at_rest_ = true;
  return {};
}

void Worker::finish() {
  cursor_keeper_.stop();
  save();
  sync_cursor();
  // A start does without the snapshot: it reads more of the journal.
  const auto done = writer_.await_until(last_snapshot_ + kLastSnapshotPatience);
  if (done && !*done) spdlog::error("snapshot: {}", done->error());
  if (!done && writer_.busy()) {
    spdlog::warn("snapshot: the last one takes too long: the next start reads more of the journal");
    writer_.abandon();
  }
}

// What only a third snapshot would need.
void Worker::trim(Service& service) const {
  if (const auto older = store_.older()) service.journal().trim(*older);
}

bool Worker::resume(Service& service, const std::stop_token& stop) {
  for (auto& [position, message] : restored_.unconfirmed) {
    if (start_ < position && !publish(std::move(message), position, service, stop)) return false;
  }
  restored_.unconfirmed.clear();
  return resumed_ = true;
}

// Of the machine and the replays, whichever is the first.
std::optional<Microseconds> Worker::due_in() {
  const auto live = machine_.due_in(), past = replay_.due_in(machine_.clock().connected());
  return live && past ? std::min(live, past) : live ? live : past;
}

// At the journal's end only: behind it, the records to come say what time it was. Returns when to look again.
Worker::Clock::time_point Worker::tick_if_due(Service& service) {
  const auto due = due_in();
  if (!due) return Clock::time_point::max();
  const Microseconds missing = *due - (service.intake().connected() - last_connected_);
  // Not at once, also where little is missing: while the link is down it stays so.
  if (missing > Microseconds{0}) return Clock::now() + std::max<Clock::duration>(missing, kShortestWait);
  const auto ticked = service.intake().tick();
  if (ticked) return Clock::now();
  spdlog::warn("no tick: {}", ticked.error());
  return Clock::now() + kTickRetry;
}

bool Worker::process(ReadAhead::Item& item, Service& service, const std::stop_token& stop) {
  const journal::Record& record = item.record;
  notice_loss(record);
  last_connected_ = record.stamp.connected;
  bytes_taken_ += journal::kRecordHeadSize + journal::kBodyHeadSize + record.message.topic.size() +
                  record.message.payload.size();
  machine_.step(record, item.parsed, outputs_);
  messages_.clear();
  for (const Output& output : outputs_) render(output, record, messages_);
  replay_.step(record, machine_, messages_);
  Cursor position{record.offset, 0};
  for (Outgoing& message : messages_) {
    const bool already_confirmed = position < start_;
    ++position.index;
    if (!already_confirmed && !publish(std::move(message), position, service, stop)) return false;
  }
  next_offset_ = record.offset + 1;
  return true;
}

void Worker::notice_loss(const journal::Record& record) {
  const auto marked = [&] {
    return record.stamp.trusted ? "that begin before " + to_rfc3339(record.message.arrival)
                                : std::string("of before the sensors have told the time");
  };
  if (machine_.shows_lost_past(record)) {
    spdlog::error(
        "the broker knows this box, whose state is new: what it took before is lost: windows {} are marked "
        "incomplete",
        marked());
  }
  if (record.offset == next_offset_) return;
  spdlog::error("journal: offsets {} to {} are lost: windows {} are marked incomplete", next_offset_,
                record.offset - 1, marked());
  machine_.note_loss(record);
  replay_.note_loss();
}

// A broker may have lost what it retained: on every connection, once the machine has caught up, the present
// state of all alerts, and then the status.
bool Worker::announce(Service& service, const std::stop_token& stop) {
  const auto connection = service.new_connection(reader_->position());
  if (!connection) return true;
  messages_.clear();
  for (AlertChange& alert : machine_.alerts().current()) render(Output{std::move(alert)}, {}, messages_);
  for (Outgoing& message : messages_) {
    if (!publish(std::move(message), std::nullopt, service, stop)) return false;
  }
  service.say_online(*connection);
  return true;
}

// `position`: where the cursor stands once this message and all before it are confirmed.
bool Worker::publish(Outgoing message, std::optional<Cursor> position, Service& service,
                     const std::stop_token& stop) {
  if (message.retain && !await_former(message.topic, service, stop)) return false;
  sent_.push_back({next_tag_, position});
  // Alerts go at once; the rest with what the records read in the same few milliseconds give.
  return message.retain ? service.publish(std::move(message), next_tag_++, stop)
                        : service.gather(std::move(message), next_tag_++, stop);
}

bool Worker::await_former(const std::string& topic, Service& service, const std::stop_token& stop) {
  std::uint64_t& last = retained_[topic];
  if (last > synced_tag_) {
    if (!service.await_acknowledged(last, stop)) return false;
    save();
    sync_cursor();
  }
  last = next_tag_;
  return true;
}

void Worker::save() {
  const std::uint64_t confirmed = confirmed_.load(std::memory_order_acquire);
  Cursor cursor = cursor_;
  while (!sent_.empty() && sent_.front().tag <= confirmed) {
    cursor = std::max(cursor, sent_.front().position.value_or(cursor));
    sent_.pop_front();
  }
  if (sent_.empty() && resumed_) cursor = std::max(cursor, Cursor{next_offset_, 0});
  if (cursor != cursor_) {
    if (const auto saved = cursor_file_.save(cursor); !saved) {
      if (cursor_complaint_.is_due(Clock::now()))
        spdlog::error("{} (trying on, next word in a minute)", saved.error());
      return;
    }
    cursor_complaint_.settle();
    cursor_ = cursor;
  }
  saved_tag_ = confirmed;
}

void Worker::sync_cursor() {
  const std::lock_guard lock(sync_mutex_);
  const std::uint64_t saved = saved_tag_;
  if (const auto synced = cursor_file_.sync(); synced) {
    sync_complaint_.settle();
    synced_tag_ = saved;
  } else if (sync_complaint_.is_due(Clock::now())) {
    spdlog::error("{} (trying on, next word in a minute)", synced.error());
  }
}

bool Worker::housekeeping(Service& service, const std::stop_token& stop) {
  const auto now = Clock::now();
  if (now >= next_save_) {
    save();
    next_save_ = now + kSaveInterval;
  }
  look_after_snapshots(service, now);
  if (now < next_stats_) return true;
  next_stats_ = now + kStatsInterval;
  return publish_stats(service, now, stop);
}

void Worker::look_after_snapshots(Service& service, Clock::time_point now) {
  if (const auto done = writer_.finished()) {
    snapshot_failed_ = !*done;
    if (*done) {
      snapshot_complaint_.settle();
      last_good_snapshot_ = now;
      bytes_taken_ -= bytes_in_snapshot_;
      trim(service);
    } else if (snapshot_complaint_.is_due(now)) {
      spdlog::error("snapshot: {} (trying on, next word in a minute)", done->error());
    }
  }
  if (writer_.busy() || (snapshot_failed_ && now - last_snapshot_ < kSnapshotRetry)) return;
  // At the end of a journal that is full, or has no room, nothing more comes: a tick does, so that the older
  // snapshot gets there too. Where it cannot be appended there is another try in a second.
  const bool deaf = service.intake().is_away() && reader_->position() == service.journal().end() &&
                    service.journal().first() < reader_->segment();
  if (deaf && bytes_taken_ == 0) return static_cast<void>(service.intake().tick());
  if (!deaf && !snapshot_is_due(service, now)) return;
  last_snapshot_ = now;
  bytes_in_snapshot_ = bytes_taken_;
  const auto begun = writer_.begin(head(service), machine_, replay_);
  snapshot_failed_ = !begun;
  if (!begun && snapshot_complaint_.is_due(now))
    spdlog::error("{} (trying on, next word in a minute)", begun.error());
}

// A journal that is more than half full makes the box deaf if nobody trims it.
bool Worker::snapshot_is_due(Service& service, Clock::time_point now) const {
  if (bytes_taken_ == 0) return false;
  const std::uint64_t limit = service.journal().limit();
  if (service.journal().size_bytes() > limit / 2 && bytes_taken_ > limit / kTrimmedAtOnce) return true;
  return now - last_snapshot_ >= kSnapshotInterval &&
         bytes_taken_ >= kJournalPerSnapshot * store_.newest_size();
}

SnapshotHead Worker::head(const Service& service) const {
  SnapshotHead head{next_offset_, machine_.config(), last_connected_, {}};
  auto sent = sent_.begin();
  for (auto& [tag, message] : service.unacknowledged_messages()) {
    while (sent != sent_.end() && sent->tag < tag) ++sent;
    if (sent == sent_.end()) break;
    if (sent->tag == tag && sent->position) head.unconfirmed.push_back({*sent->position, std::move(message)});
  }
  return head;
}

// It is written beside the goodbye, which takes as long as the broker lets it. One that was being written has
// ended with the thread that had begun it.
void Worker::begin_last_snapshot(const Service& service) {
  writer_.await_until(Clock::now() + kEndingPatience);
  if (!at_rest_ || writer_.busy()) return writer_.abandon();
  last_snapshot_ = Clock::now();
  if (const auto begun = writer_.begin(head(service), machine_, replay_); !begun)
    spdlog::error("{}", begun.error());
}

// Figures that nobody has taken are out of date when the next ones are: alerts would queue behind them.
bool Worker::publish_stats(Service& service, Clock::time_point now, const std::stop_token& stop) {
  if (stats_tag_ > confirmed_) return true;
  stats_tag_ = next_tag_;
  return publish(make_stats(service, now), std::nullopt, service, stop);
}

Outgoing Worker::make_stats(Service& service, Clock::time_point now) {
  const std::uint64_t readings = machine_.books().received;
  StatsFrame frame;
  frame.time = wall_clock_now();
  frame.readings_per_second = static_cast<double>(readings - readings_at_last_stats_) /
                              std::chrono::duration<double>(now - last_stats_).count();
  frame.lag_records = service.journal().end() - reader_->position();
  frame.lag_bytes = service.journal().bytes_from(reader_->segment(), reader_->segment_position());
  frame.journal_bytes = service.journal().size_bytes();
  frame.journal_limit = service.journal().limit();
  frame.journal_full = service.intake().is_full();
  frame.disk_full = service.intake().is_disk_full();
  frame.power_cut = service.after_power_cut();
  frame.unreadable_records = reader_->lost();
  frame.outbox = service.unacknowledged();
  frame.replays = replay_.jobs();
  frame.snapshot_age_s = std::chrono::duration<double>(now - last_good_snapshot_).count();
  readings_at_last_stats_ = readings;
  last_stats_ = now;
  return {service.own_topic("stats"), render_stats(machine_, frame), false};
}

}  // namespace lookout
