#include "bridge/relay.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <thread>
#include <utility>

#include "bridge/archive/archive.h"
#include "bridge/archiver.h"
#include "bridge/await_archive.h"
#include "bridge/days/day_publisher.h"
#include "bridge/kafka/forward_thread.h"
#include "bridge/kafka/rdkafka_sink.h"
#include "bridge/status_command.h"
#include "bridge/subscriptions.h"
#include "common/clock_trust.h"
#include "common/complaint.h"
#include "common/disk_room.h"
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
constexpr auto kMaintenanceSlice = 50ms;      // between two batches, and what the last step takes longer
constexpr auto kMaintenanceInterval = 200ms;  // readers come and go, the journal tries for room again
constexpr auto kMaintenanceRetry = 60s;
constexpr auto kForwarderStop = 2s;
constexpr auto kNever = std::numeric_limits<std::uint64_t>::max();

/// The worker: archives what the journal holds and tells how it goes.
class Relay {
 public:
  Relay(Service& service, const std::filesystem::path& folder, Archive& archive, const Config& config,
        ForwardThread* forwarding)
      : service_(service),
        folder_(folder),
        archive_(archive),
        archiver_(service.journal(), archive, config),
        clock_(config.clock),
        forwarding_(forwarding),
        forwarder_(forwarding ? &forwarding->forwarder() : nullptr) {}

  Result<void> work(const std::stop_token& stop) {
    if (!is_trusted(clock_))
      spdlog::info("archive: retention_age waits for a clock that can be believed, retention_size does not");
    if (forwarding_) {
      forwarder_->advance(archive_.next_offset());
      forwarding_->start();
    }
    const auto worked = work_until(stop);
    if (forwarding_) forwarding_->request_stop();
    stopped_ = true;
    save_figures();
    return worked;
  }

 private:
  Result<void> work_until(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const bool held_up = Clock::now() < retry_at_;
      const auto until = std::min(stats_at_, maintain_at_);
      service_.journal().wait_beyond(held_up ? kNever : archiver_.position(),
                                     held_up ? std::min(retry_at_, until) : until);
      // At once: an archive that is behind, or held up, is not what a broker could have lost.
      if (const auto connection = service_.new_connection(kNever)) service_.say_online(*connection);
      auto done = Clock::now() >= retry_at_ ? archive(stop) : ArchiveResult<void>{};
      if (forwarder_) look_after_forwarder();
      if (done && Clock::now() >= maintain_at_) done = maintain();
      if (!done) return Failure(done.error().text);
      if (Clock::now() >= stats_at_) publish_stats(stop);
    }
    return {};
  }

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

  void look_after_forwarder() {
    forwarder_->advance(archive_.next_offset());
    archive_.set_forwarded(forwarder_->forwarded());
    if (const auto damage = forwarder_->take_damage())
      archive_.set_damaged_aside(damage->offset, damage->why);
  }

  // The archive may have all the room that it needs while the journal, of which it lives, has none.
  bool journal_lacks_room() {
    return service_.intake().wants_room() && on_one_disk(service_.journal().folder(), folder_ / "archive");
  }

  ArchiveResult<void> maintain() {
    const auto until = Clock::now() + kMaintenanceSlice;
    const auto now = is_trusted(clock_) ? std::optional(wall_clock_now()) : std::nullopt;
    auto more = journal_lacks_room() ? archive_.make_room() : ArchiveResult<bool>{false};
    const bool waits_for_journal = more && *more;
    if (more && !*more) more = archive_.maintain(now);
    while (!waits_for_journal && more && *more && Clock::now() < until) more = archive_.maintain(now);
    maintain_at_ = Clock::now();
    if (!more) {
      if (!more.error().may_pass()) return std::unexpected(more.error());
      upkeep_error_ = more.error().text + ": closing files and retention wait a minute";
      spdlog::warn("{}", upkeep_error_);
      maintain_at_ += kMaintenanceRetry;
      return {};
    }
    upkeep_error_.clear();
    if (waits_for_journal || !*more) maintain_at_ += kMaintenanceInterval;
    return {};
  }

  // The journal takes up the slack: what the archive cannot take now waits there.
  void hold_up(const ArchiveFailure& failure) {
    const auto now = Clock::now();
    if (complaint_.is_due(now)) {
      spdlog::error("{}: {} messages wait in the journal; trying on, next word in a minute", failure.text,
                    archiver_.journal_state().lag_records);
    }
    held_up_by_ = failure.text;
    retry_at_ = now + retry_;
    retry_ = std::min(retry_ * 2, kLongestRetry);
  }

  void go_on() {
    spdlog::info("archive: takes messages again");
    retry_ = kFirstRetry;
    held_up_by_.clear();
    complaint_.settle();
  }

  /// For `status`; gives them.
  std::string save_figures() {
    JournalState journal = archiver_.journal_state();
    journal.journal_limit = service_.journal().limit();
    journal.journal_full = service_.intake().is_full();
    journal.disk_full = service_.intake().is_disk_full();
    journal.power_cut = service_.after_power_cut();
    std::string payload =
        render_stats(wall_clock_now(), archiver_.books(), journal, archive_state(), forward_figures());
    if (const auto saved = save_status(folder_, payload); !saved) spdlog::debug("{}", saved.error());
    return payload;
  }

  void publish_stats(const std::stop_token& stop) {
    stats_at_ = Clock::now() + kStatsInterval;
    std::string payload = save_figures();
    // Figures that nobody has taken yet are out of date; a full outbox would make the archive wait for the
    // broker.
    if (service_.unacknowledged() > 0) return;
    service_.publish({service_.own_topic("stats"), std::move(payload), false}, 0, stop);
  }

  ForwardFigures forward_figures() {
    if (!forwarder_) return {};
    forwarder_->save_copy();
    const Forwarder::Status status = forwarder_->status();
    const auto now = Clock::now();
    const double seconds = std::max(1.0, std::chrono::duration<double>(now - figures_at_).count());
    const auto rate = [&](std::uint64_t offset, std::uint64_t& last) {
      const std::uint64_t before = std::exchange(last, offset);
      return static_cast<double>(offset - std::min(before, offset)) / seconds;
    };
    figures_at_ = now;
    const std::uint64_t end = archive_.next_offset();
    return {.state = kForwardStates[static_cast<std::size_t>(status.state)],
            .error = status.error,
            .cursor = status.cursor,
            .pending = end - std::min(end, status.cursor.offset),
            .in_per_s = rate(end, archived_then_),
            .out_per_s = rate(status.cursor.offset, forwarded_then_)};
  }

  [[nodiscard]] ArchiveState archive_state() const {
    const Archive::State state = archive_.state();
    return {.state = stopped_              ? "stopped"
                     : held_up_by_.empty() ? "writing"
                                           : "held_up",
            .error = archive_error(state),
            .epoch = archive_.epoch(),
            .first_offset = state.first_offset,
            .next_offset = archive_.next_offset(),
            .files = state.files,
            .bytes = state.bytes,
            .evicted = state.evicted,
            .evicted_unforwarded = state.evicted_unforwarded};
  }

  [[nodiscard]] std::string archive_error(const Archive::State& state) const {
    if (!held_up_by_.empty()) return held_up_by_;
    if (!upkeep_error_.empty()) return upkeep_error_;
    return state.keeps_unforwarded ? "larger than retention_size: what was not forwarded to Kafka stays" : "";
  }

  Service& service_;
  const std::filesystem::path folder_;
  Archive& archive_;
  Archiver archiver_;
  const ClockSetting clock_;
  ForwardThread* const forwarding_;  // nothing: no Kafka is configured
  Forwarder* const forwarder_;
  Clock::time_point maintain_at_ = Clock::now();
  Clock::time_point stats_at_ = Clock::now();
  Clock::time_point retry_at_ = Clock::time_point::min();
  Clock::duration retry_ = kFirstRetry;
  Complaint complaint_;
  bool stopped_ = false;
  std::string held_up_by_, upkeep_error_;        // sentences, empty where nothing is wrong
  Clock::time_point figures_at_ = Clock::now();  // of the rates, and the offsets then
  std::uint64_t archived_then_ = archive_.next_offset(),
                forwarded_then_ = forwarder_ ? forwarder_->forwarded() : 0;
};

int fail(int code, const std::string& text) {
  spdlog::critical("{}", text);
  return code;
}

std::unique_ptr<ForwardThread> make_forwarding(const Config& config, const StateFolder& folder,
                                               const Archive& archive) {
  if (config.kafka.brokers.empty()) return nullptr;
  RdkafkaOptions sink{.kafka = config.kafka,
                      .transactional_id = "lookout-bridge-" + folder.box_id(),
                      .cursors_topic = config.kafka.topics_prefix + std::string(kCursorsTopic),
                      .topics = {}};
  for (const std::string_view topic : kKafkaTopics)
    sink.topics.push_back(config.kafka.topics_prefix + std::string(topic));
  return std::make_unique<ForwardThread>(std::make_unique<Forwarder>(
      Forwarder::Options{.archive = archive_folder(config.state),
                         .folder = folder.path(),
                         .box = folder.box_id(),
                         .epoch = archive.epoch(),
                         .first_offset = archive.state().first_offset},
      config, [sink](OnWaiting on_waiting) { return make_rdkafka_sink(sink, std::move(on_waiting)); }));
}

}  // namespace

int run_relay(const Config& config) {
  const auto folder = StateFolder::open(config, "bridge");
  if (!folder) return fail(kExitTryAgain, folder.error());
  auto archive = await_archive(config, folder->path());
  if (!archive) return fail(kExitFailed, archive.error().text);
  if (!*archive) return kExitDone;
  const auto forwarding = make_forwarding(config, *folder, **archive);
  const std::uint64_t forwarded = forwarding ? forwarding->forwarder().forwarded() : 0;
  if (forwarding) (*archive)->set_forwarded(forwarded);
  auto service = Service::create(config, *folder,
                                 {.program = "bridge",
                                  .filters = subscriptions(config),
                                  .first_offset = std::max((*archive)->next_offset(), forwarded),
                                  .record_link_and_clock = false,
                                  .on_acknowledged = {}});
  if (!service) return fail(kExitTryAgain, service.error());
  if (forwarding) forwarding->forwarder().taking_from((*service)->journal().end());
  Relay relay(**service, folder->path(), **archive, config, forwarding.get());
  const std::uint64_t epoch = (*archive)->epoch();
  const int code = (*service)->run([&](const std::stop_token& stop) {
    const std::jthread days(
        [&](const std::stop_token& of_days) { publish_days(**service, config, epoch, of_days); });
    return relay.work(stop);
  });
  if (!forwarding || forwarding->ends_within(kForwarderStop)) return code;
  spdlog::info("Kafka: does not let go in time: leaving without a goodbye, its cursor stands");
  archive->reset();
  spdlog::shutdown();
  std::_Exit(code);
}

}  // namespace lookout
