#include "bridge/relay.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "bridge/archive.h"
#include "bridge/archive_migration.h"
#include "bridge/archiver.h"
#include "bridge/subscriptions.h"
#include "common/clock_trust.h"
#include "common/complaint.h"
#include "common/duration.h"
#include "common/exit_code.h"
#include "common/service.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kStatsInterval = 10s;
constexpr Clock::duration kFirstRetry = 100ms;
constexpr Clock::duration kLongestRetry = 5s;
constexpr auto kMaintenanceSlice = 50ms;  // between two batches, and what the last step takes longer
constexpr auto kMaintenanceInterval = 1s;
constexpr auto kMaintenanceRetry = 60s;
constexpr auto kNever = std::numeric_limits<std::uint64_t>::max();

/// The worker: archives what the journal holds and tells how it goes.
class Relay {
 public:
  Relay(Service& service, Archive& archive, const Config& config)
      : service_(service),
        archive_(archive),
        archiver_(service.journal(), archive, config),
        clock_(config.clock) {}

  Result<void> work(const std::stop_token& stop) {
    if (!is_trusted(clock_))
      spdlog::info("archive: retention_age waits for a clock that can be believed, retention_size does not");
    while (!stop.stop_requested()) {
      const bool held_up = Clock::now() < retry_at_;
      const auto until = std::min(stats_at_, maintain_at_);
      service_.journal().wait_beyond(held_up ? kNever : archiver_.position(),
                                     held_up ? std::min(retry_at_, until) : until);
      // At once: an archive that is behind, or held up, is not what a broker could have lost.
      if (const auto connection = service_.new_connection(kNever)) service_.say_online(*connection);
      auto done = Clock::now() >= retry_at_ ? archive(stop) : ArchiveResult<void>{};
      if (done && Clock::now() >= maintain_at_) done = maintain();
      if (!done) return Failure(done.error().text);
      if (Clock::now() >= stats_at_) publish_stats(stop);
    }
    return {};
  }

 private:
  // These two fail only where trying again is of no use.
  ArchiveResult<void> archive(const std::stop_token& stop) {
    const auto archived = archiver_.archive_batch(stop);
    if (archived) {
      if (retry_ != kFirstRetry) go_on();
      return {};
    }
    if (!archived.error().may_pass()) return archived;
    hold_up(archived.error());
    if (archived.error().kind != ArchiveFailure::Kind::disk_full) return {};
    const auto room = archive_.make_room();
    if (room && *room) retry_at_ = Clock::now();
    return room || room.error().may_pass() ? ArchiveResult<void>{} : std::unexpected(room.error());
  }

  ArchiveResult<void> maintain() {
    const auto until = Clock::now() + kMaintenanceSlice;
    const auto now = is_trusted(clock_) ? std::optional(wall_clock_now()) : std::nullopt;
    auto more = archive_.maintain(now);
    while (more && *more && Clock::now() < until) more = archive_.maintain(now);
    maintain_at_ = Clock::now();
    if (!more) {
      if (!more.error().may_pass()) return std::unexpected(more.error());
      spdlog::warn("{}: closing files and retention wait a minute", more.error().text);
      maintain_at_ += kMaintenanceRetry;
    } else if (!*more) {
      maintain_at_ += kMaintenanceInterval;
    }
    return {};
  }

  // The journal takes up the slack: what the archive cannot take now waits there.
  void hold_up(const ArchiveFailure& failure) {
    const auto now = Clock::now();
    if (complaint_.is_due(now)) {
      spdlog::error("{}: {} messages wait in the journal; trying on, next word in a minute", failure.text,
                    archiver_.journal_state().lag_records);
    }
    retry_at_ = now + retry_;
    retry_ = std::min(retry_ * 2, kLongestRetry);
  }

  void go_on() {
    spdlog::info("archive: takes messages again");
    retry_ = kFirstRetry;
    complaint_.settle();
  }

  void publish_stats(const std::stop_token& stop) {
    stats_at_ = Clock::now() + kStatsInterval;
    // Figures that nobody has taken yet are out of date; a full outbox would make the archive wait for the
    // broker.
    if (service_.unacknowledged() > 0) return;
    JournalState journal = archiver_.journal_state();
    journal.journal_limit = service_.journal().limit();
    journal.journal_full = service_.intake().is_full();
    service_.publish({service_.own_topic("stats"),
                      render_stats(wall_clock_now(), archiver_.books(), journal, archive_state()), false},
                     0, stop);
  }

  [[nodiscard]] ArchiveState archive_state() const {
    const Archive::State state = archive_.state();
    return {.epoch = archive_.epoch(),
            .first_offset = state.first_offset,
            .next_offset = archive_.next_offset(),
            .files = state.files,
            .bytes = state.bytes,
            .evicted = state.evicted,
            .evicted_unforwarded = state.evicted_unforwarded};
  }

  Service& service_;
  Archive& archive_;
  Archiver archiver_;
  const ClockSetting clock_;
  Clock::time_point maintain_at_ = Clock::now();
  Clock::time_point stats_at_ = Clock::now() + kStatsInterval;
  Clock::time_point retry_at_ = Clock::time_point::min();
  Clock::duration retry_ = kFirstRetry;
  Complaint complaint_;
};

int fail(int code, const std::string& text) {
  spdlog::critical("{}", text);
  return code;
}

ArchiveResult<std::unique_ptr<Archive>> open_archive(const Config& config) {
  const auto folder = archive_folder(config.state);
  if (auto taken = take_over_archive(folder, config.archive); !taken)
    return std::unexpected(std::move(taken.error()));
  return Archive::open(folder, config.archive, config.time.identity_window);
}

}  // namespace

int run_relay(const Config& config) {
  const auto folder = StateFolder::open(config, "bridge");
  if (!folder) return fail(kExitTryAgain, folder.error());
  auto archive = open_archive(config);
  if (!archive) return fail(archive.error().may_pass() ? kExitTryAgain : kExitFailed, archive.error().text);
  auto service = Service::create(config, *folder,
                                 {.program = "bridge",
                                  .filters = subscriptions(config),
                                  .first_offset = (*archive)->next_offset(),
                                  .record_link_and_clock = false,
                                  .on_acknowledged = {}});
  if (!service) return fail(kExitTryAgain, service.error());
  Relay relay(**service, **archive, config);
  return (*service)->run([&](const std::stop_token& stop) { return relay.work(stop); });
}

}  // namespace lookout
