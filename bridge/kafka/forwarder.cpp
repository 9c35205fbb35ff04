#include "bridge/kafka/forwarder.h"

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "bridge/archive/file_summary.h"
#include "bridge/kafka/forward_transaction.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr int kLongestRetry = 60;  // times the first
// A transaction that is not full waits for more: its commit costs the same, and so does its cursor.
constexpr auto kShortestInterval = 500ms;
constexpr std::size_t kLeastMessages = 100;

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
      names_(record_names(config.kafka, options.box)),
      source_(options.archive, RecordMaker(config, options.box, options.epoch)),
      retry_(options.first_retry) {
  cursor_.epoch = options.epoch;
  if (const auto copy = load_cursor_copy(options.folder); copy && copy->cursor.epoch == options.epoch) {
    cursor_ = copy->cursor;
    cluster_ = copy->cluster;
    unheard_from_ = copy->unheard_from;
  }
  status_.cursor = cursor_;
}

void Forwarder::taking_from(std::uint64_t offset) {
  {
    const std::scoped_lock lock(mutex_);
    unheard_from_ = std::min(offset, unheard_from_.value_or(offset));
  }
  write_copy(true);
}

void Forwarder::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const KafkaFailure failure = session(stop);
    if (ahead_.valid()) ahead_.wait();
    ahead_ = {};
    source_.close();  // what is evicted meanwhile gives its room back
    if (stop.stop_requested()) break;
    ::malloc_trim(0);  // what the batches took: Kafka may be away for days
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
    auto batch = take_batch();
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
  auto cursor = committed_cursor(sink);
  if (!cursor) return std::unexpected(cursor.error());
  const auto other = other_history(*cursor);
  if (!other) return std::unexpected(other.error());
  if (cursor->offset != cursor_.offset)
    spdlog::info("Kafka: is at offset {} of the archive (this box remembered {})", cursor->offset,
                 cursor_.offset);
  if (*other) branch_off(*cursor, **other);
  source_.restart(cursor->offset, alerts_in(seen_, cursor_key_), cursor->epochs);
  stand_at(*cursor, sink.cluster_id(), *other);
  write_copy(other->has_value());  // until the first commit only the box knows
  // Whether what was refused before is taken now, only a commit tells.
  if (!was_refused_ || cursor->offset >= end_of_archive()) go_on();
  return {};
}

KafkaResult<KafkaCursor> Forwarder::committed_cursor(KafkaSink& sink) {
  const auto found = seen_.find(cursor_key_);
  if (found == seen_.end()) return without_cursor(sink);
  auto parsed = parse_cursor(found->second);
  if (!parsed) return std::unexpected(KafkaFailure{.text = "Kafka's cursor: " + parsed.error()});
  return std::move(*parsed);
}

// The same Kafka has lost the cursor, as a topic that is not compacted does with time; another has none of
// the records either.
KafkaResult<KafkaCursor> Forwarder::without_cursor(KafkaSink& sink) {
  KafkaCursor beginning{.epoch = options_.epoch,
                        .begin = options_.first_offset,
                        .offset = options_.first_offset,
                        .epochs = cursor_.epochs};
  if (cursor_.offset <= options_.first_offset) return beginning;
  const std::string id = sink.cluster_id();
  if (!cluster_.empty() && id.empty())
    return std::unexpected(KafkaFailure{.text = "Kafka: does not say which cluster it is"});
  if (!id.empty() && id == cluster_) {
    say_once(
        fmt::format("Kafka: has lost the cursor of this box; it goes on at offset {}, which the box "
                    "remembers: at most what "
                    "went there in the last 10 s before a kill comes twice",
                    cursor_.offset));
    return cursor_;
  }
  say_once(
      fmt::format("Kafka: has no cursor of this box and is not the Kafka to which it forwarded up to "
                  "offset {}: it gets everything that the archive holds",
                  cursor_.offset));
  return beginning;
}

// From which offset on the messages here are not those that Kafka knows; nothing: they are the same. What was
// taken since Kafka was last heard has offsets from a known one on; a commit of which the answer was lost is
// ours all the same.
KafkaResult<std::optional<std::uint64_t>> Forwarder::other_history(const KafkaCursor& cursor) {
  const std::uint64_t ours = unheard_from_.value_or(cursor_.offset);
  if (cursor == tried_ || cursor.offset == 0) return std::nullopt;
  const auto here = source_.fingerprint_at(cursor.offset - 1);
  if (!here) return std::unexpected(note(here.error(), source_.failed_file()));
  if (*here == cursor.last && !here->empty()) return std::nullopt;
  if (cursor.offset > ours) return ours;
  const bool differs = !here->empty() && !cursor.last.empty();
  return differs ? std::optional(std::max(options_.first_offset, cursor_.offset)) : std::nullopt;
}

void Forwarder::branch_off(KafkaCursor& cursor, std::uint64_t from) {
  std::vector<EpochFrom> epochs = std::move(cursor.epochs);
  std::erase_if(epochs, [&](const EpochFrom& later) { return later.offset >= from; });
  // As it was begun before, where only its first commit failed.
  const bool is_begun = !cursor_.epochs.empty() && cursor_.epochs.back().offset == from;
  epochs.push_back(is_begun ? cursor_.epochs.back() : EpochFrom{from, draw_epoch()});
  say_once(
      fmt::format("Kafka: has offsets up to {} of another history of this archive: an older copy of it was "
                  "restored, or its "
                  "disk has lost the end. What came from offset {} on goes there under epoch {:016x}",
                  cursor.offset, from, epochs.back().epoch));
  cursor = {.epoch = options_.epoch, .begin = from, .offset = from, .epochs = std::move(epochs)};
}

// Every take-over that fails behind it comes here again.
void Forwarder::say_once(const std::string& text) {
  if (std::exchange(said_, text) != text) spdlog::error("{}", text);
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
                       [&] { return end_ - cursor_.offset >= most_; });
  return !stop.stop_requested();
}

ArchiveResult<ForwardBatch> Forwarder::take_batch() {
  if (!ahead_.valid()) return source_.next(most_);
  auto batch = ahead_.get();
  // At what was then the archive's end: there is more now.
  if (batch && batch->next == batch->first) return source_.next(most_);
  return batch;
}

// Only a full one: what is read now would be sent now.
void Forwarder::read_ahead(std::uint64_t from) {
  if (end_of_archive() < from + most_) return;
  ahead_ = std::async(std::launch::async, [this, most = most_] { return source_.next(most); });
}

KafkaResult<void> Forwarder::send(KafkaSink& sink, ForwardBatch& batch, const std::stop_token& stop) {
  sent_at_ = Clock::now();
  const KafkaCursor next{.epoch = options_.epoch,
                         .begin = cursor_.begin,
                         .offset = batch.next,
                         .messages = cursor_.messages + batch.messages,
                         .records = cursor_.records + batch.records.list.size(),
                         .evicted = cursor_.evicted + batch.evicted,
                         .lost = cursor_.lost + batch.lost,
                         .last = batch.last,
                         .epochs = cursor_.epochs};
  tried_ = next;
  const auto done = commit_batch(sink, batch, names_, cursor_key_, next, stop);
  was_refused_ = !done;
  // A thin line carries less than a wide one before a transaction's time is over.
  if (!done) {
    most_ = std::max(most_ / 2, kLeastMessages);
    return done;
  }
  if (batch.is_large) {
    most_ = std::min(most_ + most_ / 8, kMostMessages);
    sent_at_ = {};  // there may be as much again
  }
  seen_[cursor_key_] = to_json(next);
  for (const auto& [topic, alerts] : batch.alerts) seen_[alert_key(cursor_key_, topic)] = to_json(alerts);
  stand_at(next, {}, std::nullopt);
  go_on();
  return {};
}

void Forwarder::stand_at(const KafkaCursor& cursor, const std::string& cluster,
                         std::optional<std::uint64_t> unheard_from) {
  cursor_ = cursor;
  const std::scoped_lock lock(mutex_);
  status_.cursor = cursor;
  if (!cluster.empty()) cluster_ = cluster;
  unheard_from_ = unheard_from;
}

void Forwarder::go_on() {
  was_refused_ = false;
  retry_ = options_.first_retry;
  if (complaint_.settle()) spdlog::info("Kafka: takes records again");
  set_state(ForwardState::forwarding, {});
}

void Forwarder::save_copy() { write_copy(false); }

void Forwarder::write_copy(bool durable) {
  const auto now = [&] {
    const std::scoped_lock lock(mutex_);
    return CursorCopy{status_.cursor, cluster_, unheard_from_};
  };
  const std::scoped_lock lock(copy_mutex_);
  const CursorCopy copy = now();
  if (copied_ == copy) return;
  if (const auto saved = save_cursor_copy(options_.folder, copy, durable)) {
    copied_ = copy;
  } else {
    spdlog::log(durable ? spdlog::level::warn : spdlog::level::debug, "{}", saved.error());
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
