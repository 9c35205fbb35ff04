#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lookout {

/// The one thread that connects, reconnects and syncs: runs its tasks whenever it is woken and at the times
/// they name.
class Supervisor {
 public:
  using Clock = std::chrono::steady_clock;
  /// Does what is due and returns when it wants to be called next; must not block for long.
  using Task = std::function<Clock::time_point(Clock::time_point now)>;

  /// Tasks are added before start() and called in that order, on the supervisor's thread.
  void add(Task task) { tasks_.push_back(std::move(task)); }
  void start();
  /// Ends the thread; afterwards the tasks are no longer called.
  void stop();
  /// Runs the tasks now. From any thread; takes a lock that no task holds.
  void wake();

 private:
  void run(const std::stop_token& stop);

  std::vector<Task> tasks_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool wake_ = false;
  std::jthread thread_;
};

/// A task that runs every `interval`.
Supervisor::Task every(std::chrono::steady_clock::duration interval, std::function<void()> work);

}  // namespace lookout
