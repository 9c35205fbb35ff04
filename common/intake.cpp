#include "common/intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "common/disk_room.h"
#include "common/exit_code.h"
#include "common/replay_topic.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kAppendPatience =
    20s;  // a third of the default keepalive: longer and the broker would cut us off
constexpr auto kHurriedPatience = 1s;
constexpr auto kLookInterval = 1s;
constexpr auto kRetryInterval = 100ms;
constexpr auto kFillInterval = 100ms;
constexpr auto kRoomInterval = 10ms;  // while there is no other segment: a fast broker fills one in 100 ms
constexpr auto kClockInterval = 1s;   // within what ConnectedClock needs
constexpr std::size_t kKeptOfTooLarge = 1024;
constexpr std::uint64_t kMostLeftOver = std::uint64_t{128} << 20;
constexpr std::uint64_t kSegmentsAnyway = 4;
constexpr auto kNoLimit = std::numeric_limits<std::uint64_t>::max();

// A message of the past comes escaped within another, which is as long as it has to be and the journal can
// hold.
std::size_t largest_payload(std::string_view topic, std::size_t message_size) {
  return is_replay(topic) ? journal::kLargestBody - journal::kBodyHeadSize - topic.size() : message_size;
}

}  // namespace

Intake::Intake(const Config& config, Options options, JournalWriter& journal, Supervisor& supervisor)
    : message_size_(config.limits.message_size),
      record_link_and_clock_(options.record_link_and_clock),
      segment_(config.journal.segment),
      left_over_(std::min(disk_size(journal.folder()) / 16, kMostLeftOver)),
      on_last_words_(std::move(options.on_last_words)),
      journal_(journal),
      configuration_(std::move(options.configuration)),
      trust_(config.clock),
      trusted_(trust_.ask(wall_clock_now(), Clock::now())),
      supervisor_(supervisor) {
  prepare_journal(Clock::now());
  if (const auto recorded = append_configuration(); !recorded)
    spdlog::error("{}: goes on under the configuration before, until there is room", recorded.error());
  look_at_fill();
  look_at_room();
  keeper_.add([this](auto now) { return prepare_journal(now); });
  keeper_.add(every(kClockInterval, [this] { look_at_clock(); }));
  keeper_.add(every(kFillInterval, [this] { look_at_fill(); }));
  keeper_.add([this](auto now) {
    look_at_room();
    return disk_full_ ? now + kRoomInterval : Clock::time_point::max();
  });
  keeper_.start();
  syncer_.add(every(config.journal.sync_interval, [this] { sync_journal(); }));
  syncer_.start();
  SessionOptions session;
  session.mqtt = config.mqtt;
  session.client_id = std::move(options.client_id);
  session.filters = std::move(options.filters);
  session.filters_file = std::move(options.filters_file);
  SessionEvents events;
  events.on_message = [this](const MessageView& message) { take(message); };
  events.on_session = [this](bool resumed) { set_session(resumed); };
  events.on_connected = [this] { set_link(true); };
  events.on_lost = [this] { set_link(false); };
  events.wake = [this] { supervisor_.wake(); };
  session_ = make_paho_session(std::move(session), std::move(events));
  supervisor_.add([this](auto now) { return step_session(now); });
}

Intake::Clock::time_point Intake::step_session(Clock::time_point now) {
  if (is_away()) {
    session_->pause();
  } else {
    session_->resume();
  }
  return session_->step(now);
}

void Intake::look_at_fill() {
  const std::uint64_t size = journal_.size_bytes();
  if (full_ ? size > journal_.low_water() : size <= journal_.high_water()) return;
  full_ = !full_;
  if (full_) {
    spdlog::warn("journal: {} bytes are above the high-water mark of {}: leaves the broker, which queues",
                 size, journal_.high_water());
  } else {
    spdlog::info("journal: {} bytes are below the low-water mark of {}: goes back to the broker", size,
                 journal_.low_water());
  }
  supervisor_.wake();
}

void Intake::look_at_room() {
  const bool starved = disk_full_ && journal_.room() < segment_ / 2;
  if (starved_.exchange(starved) == starved) return;
  if (starved) {
    spdlog::warn("journal: its last segment is half full: leaves the broker, which queues");
  } else {
    spdlog::info("journal: there is room again: goes back to the broker");
  }
  supervisor_.wake();
}

Result<void> Intake::prepare_segment() {
  if (journal_.is_prepared()) return {};
  if (journal_.size_bytes() > kSegmentsAnyway * segment_ &&
      disk_room(journal_.folder()).value_or(kNoLimit) < segment_ + left_over_)
    return Failure(fmt::format("the disk's last {} bytes are for what works the journal off", left_over_));
  return journal_.prepare();
}

bool Intake::wants_room() const {
  return disk_full_ && disk_room(journal_.folder()).value_or(kNoLimit) < 2 * segment_ + left_over_;
}

// A full disk is tried again ten times a second, however often a waiting callback asks, and spoken of once a
// minute.
Intake::Clock::time_point Intake::prepare_journal(Clock::time_point now) {
  if (now < next_try_) return next_try_;
  const auto ready = prepare_segment();
  disk_full_ = !ready;
  if (ready) {
    if (complaint_.settle()) spdlog::info("journal: there is room for the next segment again");
    return now + kLookInterval;
  }
  if (complaint_.is_due(now)) {
    spdlog::error("journal: no room for the next segment: {} (trying on, next word in a minute)",
                  ready.error());
  }
  return next_try_ = now + kRetryInterval;
}

void Intake::take(const MessageView& message) noexcept {
  MessageView kept = message;
  if (kept.payload.size() > largest_payload(kept.topic, message_size_)) {
    kept.payload = kept.payload.substr(0, std::min(kKeptOfTooLarge, message_size_));
    kept.cut = true;
  }
  const auto begin = Clock::now();
  while (true) {
    const auto appended = append(kept, journal::Kind::message);
    if (journal_.has_rotated()) keeper_.wake();
    if (appended) return;
    if (Clock::now() - begin > (hurried_ || disk_full_ ? kHurriedPatience : kAppendPatience)) {
      spdlog::critical("{}: ending, so that the broker keeps what was not stored", appended.error());
      if (journal_.sync()) on_last_words_();
      ::_exit(kExitTryAgain);
    }
    keeper_.wake();  // it makes the next segment, where that is what is missing
    std::this_thread::sleep_for(1ms);
  }
}

Result<void> Intake::append(const MessageView& message, journal::Kind kind) {
  const std::lock_guard lock(append_mutex_);
  const auto now = Clock::now();
  // A message may be here before the news of the connection that it came on.
  if (kind == journal::Kind::message && !connected_.up()) connected_.set_link(true, now);
  // Not only once a second: a record that says when it came must not be the first to come after a step.
  trusted_ = trust_.look(wall_clock_now(), now);
  if (auto changes = append_changes(now); !changes) return changes;
  if (auto appended = journal_.append(message, kind, {connected_.look(now), trusted_}); !appended)
    return Failure(appended.error());
  return {};
}

// What cannot be appended now comes before the next record that can.
Result<void> Intake::append_changes(Clock::time_point now) {
  if (auto recorded = append_configuration(); !recorded) return recorded;
  if (!record_link_and_clock_) return {};
  const auto record = [&](journal::Kind kind) {
    const bool resumed = kind == journal::Kind::link_up && resumed_;
    return journal_.append({.arrival = wall_clock_now(), .topic = {}, .payload = {}, .retain = resumed}, kind,
                           {connected_.look(now), trusted_});
  };
  if (recorded_link_ != connected_.up()) {
    if (auto done = record(connected_.up() ? journal::Kind::link_up : journal::Kind::link_down); !done)
      return Failure(done.error());
    recorded_link_ = connected_.up();
  }
  if (recorded_trust_ != trusted_) {
    if (auto done = record(journal::Kind::clock); !done) return Failure(done.error());
    recorded_trust_ = trusted_;
  }
  return {};
}

// All that follows was decided under it. Its clock has not run yet.
Result<void> Intake::append_configuration() {
  if (configuration_.empty()) return {};
  const MessageView record{.arrival = wall_clock_now(), .topic = {}, .payload = configuration_};
  const auto appended =
      journal_.append(record, journal::Kind::configuration, {connected_.look(Clock::now()), trusted_});
  if (!appended) return Failure(appended.error());
  configuration_.clear();
  return {};
}

void Intake::record_changes(Clock::time_point now) {
  if (auto done = append_changes(now); !done)
    spdlog::warn("{}: a change of link or clock waits", done.error());
}

void Intake::set_link(bool up) {
  const std::lock_guard lock(append_mutex_);
  const auto now = Clock::now();
  connected_.set_link(up, now);
  record_changes(now);
}

void Intake::set_session(bool resumed) {
  const std::lock_guard lock(append_mutex_);
  resumed_ = resumed;
}

void Intake::look_at_clock() {
  const std::lock_guard lock(append_mutex_);
  const auto now = Clock::now();
  connected_.look(now);
  const bool trusted = trust_.ask(wall_clock_now(), now);
  if (std::exchange(trusted_, trusted) != trusted) record_changes(now);
}

Microseconds Intake::connected() {
  const std::lock_guard lock(append_mutex_);
  return connected_.look(Clock::now());
}

Result<void> Intake::tick() {
  return append({.arrival = wall_clock_now(), .topic = {}, .payload = {}}, journal::Kind::tick);
}

void Intake::close(std::chrono::milliseconds patience) {
  session_->close(patience);
  set_link(false);
}

void Intake::sync_journal() {
  const auto synced = journal_.sync();
  if (synced) return;
  // After a failed sync the kernel may have dropped the pages: nothing here can be trusted but a new start.
  spdlog::critical("{}: ending", synced.error());
  ::_exit(kExitTryAgain);
}

}  // namespace lookout
