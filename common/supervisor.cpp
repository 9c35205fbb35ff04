#include "common/supervisor.h"

#include <algorithm>

namespace lookout {

void Supervisor::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Supervisor::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Supervisor::wake() {
  const std::lock_guard lock(mutex_);
  wake_ = true;
  woken_.notify_one();
}

void Supervisor::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    // An hour is as good as never and keeps clear of the clock's last value.
    auto next = Clock::now() + std::chrono::hours{1};
    for (const Task& task : tasks_) next = std::min(next, task(Clock::now()));
    std::unique_lock lock(mutex_);
    woken_.wait_until(lock, stop, next, [&] { return wake_; });
    wake_ = false;
  }
}

Supervisor::Task every(std::chrono::steady_clock::duration interval, std::function<void()> work) {
  return [interval, work = std::move(work), due = Supervisor::Clock::time_point::min()](auto now) mutable {
    if (now >= due) {
      work();
      due = now + interval;
    }
    return due;
  };
}

}  // namespace lookout
