#include "gateway/worker.h"

#include <spdlog/spdlog.h>

#include "gateway/publish.h"
#include "gateway/stats.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kSaveInterval = 1s;
constexpr auto kStatsInterval = 10s;
constexpr auto kTickRetry = 1s;
constexpr auto kShortestWait = 10ms;
constexpr int kRecordsBetweenLooksAtTheClock = 256;

}  // namespace

Worker::Worker(Machine machine, std::filesystem::path cursor_file)
    : machine_(std::move(machine)),
      cursor_file_(std::move(cursor_file)),
      start_(load_cursor(cursor_file_)),
      cursor_(start_) {}

Result<void> Worker::run(Service& service, const std::stop_token& stop) {
  JournalWriter& journal = service.journal();
  reader_.emplace(journal.folder(), journal.first());
  spdlog::info(
      "gateway: reads the journal from offset {} to {}; what it gave before offset {} is published already",
      journal.first(), journal.end(), start_.offset);
  last_stats_ = Clock::now();
  next_stats_ = last_stats_ + kStatsInterval;
  int records = 0;
  while (!stop.stop_requested()) {
    const auto record = reader_->next(journal.end());
    if (!record) return Failure(record.error());
    if (*record && !process(**record, service, stop)) break;
    if (*record && ++records % kRecordsBetweenLooksAtTheClock != 0) continue;
    if (!housekeeping(service, stop)) break;
    if (*record) continue;
    journal.wait_beyond(reader_->position(), std::min({next_save_, next_stats_, tick_if_due(service)}));
  }
  return {};
}

// At the journal's end only: behind it, the records to come say what time it was. Returns when to look again.
Worker::Clock::time_point Worker::tick_if_due(Service& service) {
  const auto due_in = machine_.due_in();
  if (!due_in) return Clock::time_point::max();
  const Microseconds missing = *due_in - (service.intake().connected() - last_connected_);
  // Not at once, also where little is missing: while the link is down it stays so.
  if (missing > Microseconds{0}) return Clock::now() + std::max<Clock::duration>(missing, kShortestWait);
  const auto ticked = service.intake().tick();
  if (ticked) return Clock::now();
  spdlog::warn("no tick: {}", ticked.error());
  return Clock::now() + kTickRetry;
}

bool Worker::process(const journal::Record& record, Service& service, const std::stop_token& stop) {
  last_connected_ = record.stamp.connected;
  machine_.step(record, outputs_);
  messages_.clear();
  for (const Output& output : outputs_) render(output, record, messages_);
  Cursor position{record.offset, 0};
  for (Outgoing& message : messages_) {
    const bool already_confirmed = position < start_;
    ++position.index;
    if (!already_confirmed && !publish(std::move(message), position, service, stop)) return false;
  }
  return true;
}

// `position`: where the cursor stands once this message and all before it are confirmed.
bool Worker::publish(Outgoing message, const Cursor& position, Service& service,
                     const std::stop_token& stop) {
  sent_.push_back({next_tag_, position});
  return service.publish(std::move(message), next_tag_++, stop);
}

void Worker::save() {
  const std::uint64_t confirmed = confirmed_.load(std::memory_order_acquire);
  Cursor cursor = cursor_;
  while (!sent_.empty() && sent_.front().tag <= confirmed) {
    cursor = std::max(cursor, sent_.front().position);
    sent_.pop_front();
  }
  if (sent_.empty() && reader_) cursor = std::max(cursor, Cursor{reader_->position(), 0});
  if (cursor == cursor_) return;
  if (const auto saved = save_cursor(cursor_file_, cursor); !saved) {
    spdlog::error("{}", saved.error());
  } else {
    cursor_ = cursor;
  }
}

bool Worker::housekeeping(Service& service, const std::stop_token& stop) {
  const auto now = Clock::now();
  if (now >= next_save_) {
    save();
    service.journal().trim(std::min(cursor_.offset, reader_->position()));
    next_save_ = now + kSaveInterval;
  }
  if (now < next_stats_) return true;
  next_stats_ = now + kStatsInterval;
  return publish(make_stats(service, now), {reader_->position(), 0}, service, stop);
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
  frame.unreadable_records = reader_->lost();
  frame.outbox = service.unacknowledged();
  readings_at_last_stats_ = readings;
  last_stats_ = now;
  return {service.own_topic("stats"), render_stats(machine_, frame), false};
}

}  // namespace lookout
