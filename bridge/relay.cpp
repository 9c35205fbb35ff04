#include "bridge/relay.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "bridge/archive.h"
#include "bridge/archive_schema.h"
#include "bridge/archiver.h"
#include "bridge/subscriptions.h"
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
constexpr auto kComplaintInterval = 60s;
constexpr auto kNever = std::numeric_limits<std::uint64_t>::max();

/// The worker: archives what the journal holds and tells how it goes.
class Relay {
 public:
  Relay(Service& service, Archive& archive, const Config& config)
      : service_(service), archiver_(service.journal(), archive, config) {}

  Result<void> work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const bool held_up = Clock::now() < retry_at_;
      service_.journal().wait_beyond(held_up ? kNever : archiver_.position(),
                                     held_up ? std::min(retry_at_, stats_at_) : stats_at_);
      // At once: an archive that is behind, or held up, is not what a broker could have lost.
      if (const auto connection = service_.new_connection(kNever)) service_.say_online(*connection);
      if (Clock::now() >= retry_at_) {
        if (auto archived = archiver_.archive_batch(stop); !archived) {
          if (archived.error().kind == ArchiveFailure::Kind::broken) return Failure(archived.error().text);
          hold_up(archived.error());
        } else if (retry_ != kFirstRetry) {
          go_on();
        }
      }
      if (Clock::now() >= stats_at_) publish_stats(stop);
    }
    return {};
  }

 private:
  // The journal takes up the slack: what the archive cannot take now waits there.
  void hold_up(const ArchiveFailure& failure) {
    const auto now = Clock::now();
    if (!complained_ || now - *complained_ >= kComplaintInterval) {
      spdlog::error("{}: {} messages wait in the journal; trying on, next word in a minute", failure.text,
                    archiver_.journal_state().lag_records);
      complained_ = now;
    }
    retry_at_ = now + retry_;
    retry_ = std::min(retry_ * 2, kLongestRetry);
  }

  void go_on() {
    spdlog::info("archive: takes messages again");
    retry_ = kFirstRetry;
    complained_.reset();
  }

  void publish_stats(const std::stop_token& stop) {
    stats_at_ = Clock::now() + kStatsInterval;
    // Figures that nobody has taken yet are out of date; a full outbox would make the archive wait for the
    // broker.
    if (service_.unacknowledged() > 0) return;
    JournalState journal = archiver_.journal_state();
    journal.journal_limit = service_.journal().limit();
    journal.journal_full = service_.intake().is_full();
    service_.publish(
        {service_.own_topic("stats"), render_stats(wall_clock_now(), archiver_.books(), journal), false}, 0,
        stop);
  }

  Service& service_;
  Archiver archiver_;
  Clock::time_point stats_at_ = Clock::now() + kStatsInterval;
  Clock::time_point retry_at_ = Clock::time_point::min();
  Clock::duration retry_ = kFirstRetry;
  std::optional<Clock::time_point> complained_;
};

int fail(int code, const std::string& text) {
  spdlog::critical("{}", text);
  return code;
}

}  // namespace

int run_relay(const Config& config) {
  const auto folder = StateFolder::open(config, "bridge");
  if (!folder) return fail(kExitTryAgain, folder.error());
  auto archive = Archive::open(archive_path(config.state), config.time.identity_window);
  if (!archive) {
    const bool again = archive.error().kind == ArchiveFailure::Kind::try_again;
    return fail(again ? kExitTryAgain : kExitFailed, archive.error().text);
  }
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
