#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include "bridge/replay/replay_file.h"
#include "bridge/replay/result_book.h"
#include "common/message.h"
#include "common/result.h"

namespace lookout {

/// Takes up the archive's results of windows that start in the range, as they are now.
Result<void> read_results(const std::filesystem::path& archive, const TimeRange& range, ResultBook& book);

/// Collects the aggregates that come while a replay runs: those of the job, and those with which the live
/// gateway goes on, which the archive may not hold yet when the replay is over. Threading: take() on the MQTT
/// library's thread, is_full() by any, the others by one other after finish().
class ReplayResults {
 public:
  /// About 1 KiB each.
  static constexpr std::size_t kMost = 200'000;

  /// Of live results those of windows that start in the range are kept.
  ReplayResults(const std::string& job, const TimeRange& range)
      : job_topics_("replay/" + job + "/aggregates/"), range_(range) {}

  void take(const MessageView& message);
  /// Nothing more is taken.
  void finish();
  /// How many of the job came, each once.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  /// More than can be kept came.
  [[nodiscard]] bool is_full() const { return full_; }
  [[nodiscard]] const ResultBook& replayed() const { return replayed_; }
  [[nodiscard]] const ResultBook& live() const { return live_; }

 private:
  void take_replayed(AggregateRow row, std::string_view payload);

  const std::string job_topics_;
  const TimeRange range_;
  std::mutex mutex_;
  ResultBook replayed_, live_;
  std::uint64_t taken_ = 0;
  std::atomic<bool> full_ = false;
  bool finished_ = false;
};

}  // namespace lookout
