#include "bridge/kafka/forwarder.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "bridge/kafka/forward_transaction.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr int kLongestRetry = 60;  // times the first
// A transaction that is not full waits for more: its commit costs the same, and so does its cursor.
constexpr auto kShortestInterval = 500ms;
constexpr std::uint64_t kFull = 10'000;

// Jobs that forward once more come and go beside a relay.
KafkaCursors without_jobs(KafkaCursors cursors) {
  std::erase_if(cursors, [](const auto& entry) { return is_job_key(entry.first); });
  return cursors;
}

}  // namespace

Forwarder::Forwarder(const Options& options, const Config& config, KafkaConnector connect)
    : options_(options),
      connect_(std::move(connect)),
      cursor_key_(cursor_key(options.box, options.epoch)),
      names_(record_names(config.kafka, options.box, options.epoch)),
      source_(options.archive, RecordMaker(config, options.box, options.epoch)),
      retry_(options.first_retry) {
  cursor_.epoch = options.epoch;
  if (const auto copy = load_cursor_copy(options.folder); copy && copy->epoch == options.epoch)
    cursor_ = *copy;
  status_.cursor = cursor_;
}

void Forwarder::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const KafkaFailure failure = session(stop);
    if (ahead_.valid()) ahead_.wait();
    ahead_ = {};
    if (stop.stop_requested()) break;
    note(failure);
    pause(failure.fenced ? options_.fenced_pause : retry_, stop);
    retry_ = std::min(retry_ * 2, options_.first_retry * kLongestRetry);
  }
  save_copy();
}

KafkaFailure Forwarder::session(const std::stop_token& stop) {
  auto sink = connect_([this](const std::string& why) { complain(ForwardState::failing, why); });
  if (!sink) return sink.error();
  if (fenced_) {
    if (const auto free = stay_away(**sink, stop); !free) return free.error();
  }
  if (const auto begun = resume(**sink, stop); !begun) return begun.error();
  while (await_work(stop)) {
    const auto batch = take_batch();
    if (!batch) return note(batch.error(), source_.failed_file());
    // Offsets that are missing at the archive's very end, until what comes next shows the gap.
    if (batch->next == batch->first) {
      pause(kShortestInterval, stop);
      continue;
    }
    read_ahead(batch->next);
    if (const auto sent = send(**sink, *batch, stop); !sent) return sent.error();
  }
  return {.text = "stopping"};
}

KafkaResult<void> Forwarder::resume(KafkaSink& sink, const std::stop_token& stop) {
  if (auto taken = sink.take_over(stop); !taken) return taken;
  auto cursors = sink.read_cursors(cursor_prefix(options_.box), stop);
  if (!cursors) return std::unexpected(cursors.error());
  seen_ = without_jobs(std::move(*cursors));
  KafkaCursor cursor{
      .epoch = options_.epoch, .begin = options_.first_offset, .offset = options_.first_offset};
  if (const auto found = seen_.find(cursor_key_); found != seen_.end()) {
    const auto parsed = parse_cursor(found->second);
    if (!parsed) return std::unexpected(KafkaFailure{.text = "Kafka's cursor: " + parsed.error()});
    cursor = *parsed;
  } else if (cursor_.offset > options_.first_offset) {
    spdlog::warn(
        "Kafka: has no cursor of this box, which remembers that it forwarded up to offset {}: if the records "
        "are there, but topic cursors was removed or is of another Kafka, all of them come a second time",
        cursor_.offset);
  }
  if (cursor.offset != cursor_.offset)
    spdlog::info("Kafka: goes on at offset {} of the archive (this box remembered {})", cursor.offset,
                 cursor_.offset);
  source_.restart(cursor.offset, alerts_in(seen_, cursor_key_));
  stand_at(cursor);
  save_copy();
  const std::uint64_t end = end_of_archive();
  // A commit of which the answer was lost may be beyond what was told of the archive.
  is_behind_ = cursor.offset > std::max({end, tried_, options_.next_offset});
  // Whether what was refused before is taken now, only a commit tells.
  if (!was_refused_ || cursor.offset >= end) go_on();
  return {};
}

std::uint64_t Forwarder::end_of_archive() const {
  const std::scoped_lock lock(mutex_);
  return end_;
}

// Another bridge of this id is at work as long as what it commits changes.
KafkaResult<void> Forwarder::stay_away(KafkaSink& sink, const std::stop_token& stop) {
  auto cursors = sink.read_cursors(cursor_prefix(options_.box), stop);
  if (!cursors) return std::unexpected(cursors.error());
  KafkaCursors now = without_jobs(std::move(*cursors));
  if (now != seen_) {
    seen_ = std::move(now);
    return std::unexpected(
        KafkaFailure{.fenced = true,
                     .text = fmt::format("Kafka: another bridge forwards for box '{}'; this one waits until "
                                         "that one stops. [box] id must differ between boxes",
                                         options_.box)});
  }
  fenced_ = false;
  return {};
}

void Forwarder::pause(Clock::duration time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  advanced_.wait_for(lock, stop, time, [] { return false; });
}

bool Forwarder::await_work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!advanced_.wait(lock, stop, [&] { return end_ > cursor_.offset; })) return false;
  advanced_.wait_until(lock, stop, sent_at_ + kShortestInterval,
                       [&] { return end_ - cursor_.offset >= kFull; });
  return !stop.stop_requested();
}

ArchiveResult<ForwardBatch> Forwarder::take_batch() {
  if (!ahead_.valid()) return source_.next();
  auto batch = ahead_.get();
  // At what was then the archive's end: there is more now.
  if (batch && batch->next == batch->first) return source_.next();
  return batch;
}

// Only a full one: what is read now would be sent now.
void Forwarder::read_ahead(std::uint64_t from) {
  if (end_of_archive() < from + kFull) return;
  ahead_ = std::async(std::launch::async, [this] { return source_.next(); });
}

KafkaResult<void> Forwarder::send(KafkaSink& sink, const ForwardBatch& batch, const std::stop_token& stop) {
  sent_at_ = Clock::now();
  const KafkaCursor next{.epoch = options_.epoch,
                         .begin = cursor_.begin,
                         .offset = batch.next,
                         .messages = cursor_.messages + batch.messages,
                         .records = cursor_.records + batch.records.size(),
                         .evicted = cursor_.evicted + batch.evicted,
                         .lost = cursor_.lost + batch.lost};
  tried_ = std::max(tried_, batch.next);
  const auto done = commit_batch(sink, batch, names_, cursor_key_, next, stop);
  was_refused_ = !done;
  if (!done) return done;
  seen_[cursor_key_] = to_json(next);
  for (const auto& [topic, alerts] : batch.alerts) seen_[alert_key(cursor_key_, topic)] = to_json(alerts);
  stand_at(next);
  go_on();
  return {};
}

void Forwarder::stand_at(const KafkaCursor& cursor) {
  cursor_ = cursor;
  const std::scoped_lock lock(mutex_);
  status_.cursor = cursor;
}

void Forwarder::go_on() {
  was_refused_ = false;
  retry_ = options_.first_retry;
  if (complaint_.settle()) spdlog::info("Kafka: takes records again");
  set_state(ForwardState::forwarding, {});
}

void Forwarder::save_copy() {
  const KafkaCursor cursor = status().cursor;
  const std::scoped_lock lock(copy_mutex_);
  if (copied_ == cursor) return;
  if (const auto saved = save_cursor_copy(options_.folder, cursor)) {
    copied_ = cursor;
  } else {
    spdlog::debug("{}", saved.error());
  }
}

void Forwarder::advance(std::uint64_t end) {
  {
    const std::scoped_lock lock(mutex_);
    end_ = end;
  }
  advanced_.notify_all();
}

std::uint64_t Forwarder::forwarded() const {
  const std::scoped_lock lock(mutex_);
  return status_.cursor.offset;
}

Forwarder::Status Forwarder::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

std::optional<Forwarder::Damage> Forwarder::take_damage() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(damage_, std::nullopt);
}

KafkaFailure Forwarder::note(const ArchiveFailure& failure, std::uint64_t offset) {
  if (failure.kind == ArchiveFailure::Kind::damaged) {
    const std::scoped_lock lock(mutex_);
    damage_ = Damage{offset, failure.text};
  }
  return {.text = failure.text};
}

void Forwarder::note(const KafkaFailure& failure) {
  fenced_ = fenced_ || failure.fenced;
  complain(failure.fenced ? ForwardState::fenced : ForwardState::failing, failure.text);
}

void Forwarder::complain(ForwardState state, const std::string& why) {
  set_state(state, why);
  if (complaint_.is_due(Clock::now()))
    spdlog::warn("{} (nothing is lost: the archive keeps it; trying on, next word in a minute)", why);
}

void Forwarder::set_state(ForwardState state, std::string error) {
  const std::scoped_lock lock(mutex_);
  status_ = {state, std::move(error), cursor_};
}

}  // namespace lookout
