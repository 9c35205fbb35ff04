#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/bench/keyed_fleet.h"
#include "tests/bench/keyed_topic.h"

namespace lookout::bench {

/// Threads that work off what one consumer reads, as somebody may do who finds a consumer too slow: each
/// record waits 0.2 ms for something, every hundredth 20 ms. Counts what goes wrong on the way.
/// Threading: one thread gives, and asks for the figures after finish().
class WorkerPool {
 public:
  /// The next free thread takes the next record; or each sensor has its thread.
  enum class Deal : std::uint8_t { next_free, by_sensor };
  struct Figures {
    std::size_t out_of_order = 0;  ///< finished after a later one of their sensor
    std::size_t unfinished = 0;  ///< at most, that were read: lost by kill -9 after a commit of what was read
    std::size_t repeated = 0;    ///< at most, finished behind the first unfinished of their partition
  };

  WorkerPool(int threads, Deal deal);
  /// Waits while 100 records a thread wait.
  void take(const KeyedRecord& record);
  void finish();
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  void work(std::deque<KeyedRecord>& queue);
  void note_finished(const KeyedRecord& record);
  void note_taken(const KeyedRecord& record);
  void sample();

  const Deal deal_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<KeyedRecord>> queues_;
  bool no_more_ = false;
  std::map<int, std::map<std::int64_t, bool>> partitions_;  // finished or not, by offset; from the first not
  std::array<std::uint64_t, kSensors> newest_{};
  std::size_t taken_ = 0;
  Figures figures_;
  std::vector<std::jthread> threads_;
};

}  // namespace lookout::bench
