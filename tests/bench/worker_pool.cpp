#include "tests/bench/worker_pool.h"

#include <algorithm>

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWaitingEach = 100;
constexpr std::size_t kTakenBetweenSamples = 50;

// The same for a record under every deal, and not for one thread more often than for another.
std::chrono::microseconds work_of(const KeyedRecord& record) {
  return (record.offset * 2654435761 >> 16U) % 100 == 0 ? 20ms : 200us;
}

}  // namespace

WorkerPool::WorkerPool(int threads, Deal deal)
    : deal_(deal),
      most_waiting_(deal == Deal::by_sensor ? kWaitingEach
                                            : kWaitingEach * static_cast<std::size_t>(threads)),
      queues_(deal == Deal::by_sensor ? static_cast<std::size_t>(threads) : 1) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(threads); ++i)
    threads_.emplace_back([this, i] { work(queues_[i % queues_.size()]); });
}

void WorkerPool::take(const KeyedRecord& record) {
  std::unique_lock lock(mutex_);
  auto& queue = queues_[static_cast<std::size_t>(sensor_at(record.offset)) % queues_.size()];
  changed_.wait(lock, [&] { return queue.size() < most_waiting_; });
  queue.push_back(record);
  note_taken(record);
  changed_.notify_all();
}

void WorkerPool::finish() {
  {
    const std::scoped_lock lock(mutex_);
    no_more_ = true;
    changed_.notify_all();
  }
  threads_.clear();
}

void WorkerPool::work(std::deque<KeyedRecord>& queue) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return no_more_ || !queue.empty(); });
    if (queue.empty()) return;
    const KeyedRecord record = queue.front();
    queue.pop_front();
    changed_.notify_all();
    lock.unlock();
    std::this_thread::sleep_for(work_of(record));
    lock.lock();
    note_finished(record);
  }
}

void WorkerPool::note_taken(const KeyedRecord& record) {
  partitions_[record.partition][record.at] = false;
  if (++taken_ % kTakenBetweenSamples == 0) sample();
}

void WorkerPool::note_finished(const KeyedRecord& record) {
  std::uint64_t& newest = newest_.at(static_cast<std::size_t>(sensor_at(record.offset)));
  if (record.offset < newest) ++figures_.out_of_order;
  newest = std::max(newest, record.offset);
  auto& finished = partitions_[record.partition];
  finished[record.at] = true;
  while (!finished.empty() && finished.begin()->second) finished.erase(finished.begin());
}

// A commit of what was read forgets the unfinished; one up to the first unfinished has the others come again.
void WorkerPool::sample() {
  std::size_t unfinished = 0, repeated = 0;
  for (const auto& [partition, finished] : partitions_) {
    for (const auto& [at, done] : finished) ++(done ? repeated : unfinished);
  }
  figures_.unfinished = std::max(figures_.unfinished, unfinished);
  figures_.repeated = std::max(figures_.repeated, repeated);
}

}  // namespace lookout::bench
