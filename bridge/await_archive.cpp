#include "bridge/await_archive.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "bridge/archive/archive_migration.h"
#include "bridge/archive/archive_name.h"
#include "bridge/kafka/kafka_cursor.h"
#include "bridge/stats.h"
#include "bridge/status_command.h"
#include "common/complaint.h"
#include "common/service.h"
#include "common/stop_signals.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kRetry = 5s;
constexpr int kRestsPerTry = 20;  // taking over an earlier version's archive may write for minutes

ArchiveResult<std::unique_ptr<Archive>> open_archive(const Config& config,
                                                     const std::filesystem::path& bridge) {
  const auto folder = archive_folder(config.state);
  const auto forwarded = [&](std::uint64_t epoch) -> std::uint64_t {
    if (config.kafka.brokers.empty()) return std::numeric_limits<std::uint64_t>::max();
    const auto copy = load_cursor_copy(bridge);
    return copy && copy->cursor.epoch == epoch ? copy->cursor.offset : 0;
  };
  if (auto taken = take_over_archive(folder, config.archive); !taken)
    return std::unexpected(std::move(taken.error()));
  return Archive::open(folder, config.archive, config.time.identity_window, forwarded);
}

void tell(const std::filesystem::path& folder, const ArchiveFailure& failure, Complaint& complaint) {
  if (complaint.is_due(Clock::now()))
    spdlog::error("{}: waiting, and the broker queues; trying on, next word in a minute", failure.text);
  const ArchiveState state{.state = "held_up", .error = failure.text};
  if (const auto saved = save_status(folder, render_stats(wall_clock_now(), {}, {}, state, {})); !saved)
    spdlog::debug("{}", saved.error());
}

void wait(Clock::duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

ArchiveResult<std::unique_ptr<Archive>> await_archive(const Config& config,
                                                      const std::filesystem::path& folder) {
  auto begin = Clock::now();
  auto archive = open_archive(config, folder);
  if (archive || !archive.error().may_pass()) return archive;
  const StopSignals signals;
  Complaint complaint;
  say_ready();
  while (!archive && archive.error().may_pass()) {
    const auto retry_at =
        Clock::now() + std::max<Clock::duration>(kRetry, kRestsPerTry * (Clock::now() - begin));
    while (Clock::now() < retry_at && !signals.token().stop_requested()) {
      tell(folder, archive.error(), complaint);
      wait(kRetry, signals.token());
    }
    if (signals.token().stop_requested()) return nullptr;
    begin = Clock::now();
    archive = open_archive(config, folder);
  }
  if (archive) spdlog::info("archive: is open");
  return archive;
}

}  // namespace lookout
