#include <malloc.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>

#include "bridge/archive/archive_name.h"
#include "bridge/days/day_publisher.h"
#include "common/clock_trust.h"
#include "common/config.h"
#include "common/service.h"

namespace lookout {
namespace {

constexpr std::chrono::seconds kLookInterval{5};
constexpr unsigned kMostUnacknowledged = 16;  // so that the worker's statistics always find room
constexpr int kNice = 10;

}  // namespace

void publish_days(Service& service, const Config& config, std::uint64_t epoch, const std::stop_token& stop) {
  ::setpriority(PRIO_PROCESS, 0, kNice);  // of this thread: what arrives comes first
  unsigned unacknowledged = 0;
  const auto publish = [&](Outgoing message, const std::stop_token& stopping) {
    if (!service.publish(std::move(message), 0, stopping)) return false;
    if (++unacknowledged < kMostUnacknowledged) return true;
    unacknowledged = 0;
    return service.await_acknowledged(0, stopping);
  };
  DayPublisher publisher(
      {archive_folder(config.state), archive_folder(config.state).parent_path(), epoch, config.time.lag},
      publish);
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto now = is_trusted(config.clock) ? std::optional(wall_clock_now()) : std::nullopt;
    if (publisher.step(now, std::chrono::steady_clock::now(), stop)) {
      ::malloc_trim(0);  // it will be hours before this thread needs it again
    } else {
      stopped.wait_for(lock, stop, kLookInterval, [] { return false; });
    }
  }
}

}  // namespace lookout
