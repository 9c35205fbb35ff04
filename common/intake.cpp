#include "common/intake.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <thread>

#include "common/exit_code.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kAppendPatience =
    20s;  // a third of the default keepalive: longer and the broker would cut us off
constexpr auto kLookInterval = 1s;
constexpr auto kRetryInterval = 100ms;
constexpr auto kComplaintInterval = 60s;
constexpr std::size_t kKeptOfTooLarge = 1024;

}  // namespace

Intake::Intake(const Config& config, std::string client_id, std::vector<std::string> filters,
               JournalWriter& journal, Supervisor& supervisor)
    : message_size_(config.limits.message_size), journal_(journal) {
  keeper_.add([this](auto now) { return prepare_journal(now); });
  keeper_.add(every(config.journal.sync_interval, [this] { sync_journal(); }));
  keeper_.start();
  SessionOptions options;
  options.mqtt = config.mqtt;
  options.client_id = std::move(client_id);
  options.filters = std::move(filters);
  SessionEvents events;
  events.on_message = [this](const MessageView& message) { take(message); };
  events.wake = [&supervisor] { supervisor.wake(); };
  session_ = make_paho_session(std::move(options), std::move(events));
  supervisor.add([this](auto now) { return session_->step(now); });
}

// A full disk is tried again ten times a second, however often a waiting callback asks, and spoken of once a
// minute.
Intake::Clock::time_point Intake::prepare_journal(Clock::time_point now) {
  if (now < next_try_) return next_try_;
  const auto ready = journal_.prepare();
  if (ready) {
    if (complained_) spdlog::info("journal: there is room for the next segment again");
    complained_.reset();
    return now + kLookInterval;
  }
  if (!complained_ || now - *complained_ >= kComplaintInterval) {
    spdlog::error("journal: no room for the next segment: {} (trying on, next word in a minute)",
                  ready.error());
    complained_ = now;
  }
  return next_try_ = now + kRetryInterval;
}

void Intake::take(const MessageView& message) noexcept {
  MessageView kept = message;
  if (kept.payload.size() > message_size_) {
    kept.payload = kept.payload.substr(0, std::min(kKeptOfTooLarge, message_size_));
    kept.cut = true;
  }
  const auto deadline = std::chrono::steady_clock::now() + kAppendPatience;
  while (true) {
    const auto appended = journal_.append(kept);
    if (appended) return;
    if (std::chrono::steady_clock::now() > deadline) {
      spdlog::critical("{}: ending, so that the broker keeps what was not stored", appended.error());
      ::_exit(kExitTryAgain);
    }
    keeper_.wake();  // it makes the next segment, where that is what is missing
    std::this_thread::sleep_for(1ms);
  }
}

void Intake::sync_journal() {
  const auto synced = journal_.sync();
  if (synced) return;
  // After a failed sync the kernel may have dropped the pages: nothing here can be trusted but a new start.
  spdlog::critical("{}: ending", synced.error());
  ::_exit(kExitTryAgain);
}

}  // namespace lookout
