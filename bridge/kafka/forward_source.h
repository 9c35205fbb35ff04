#pragma once

#include <filesystem>
#include <vector>

#include "bridge/archive/archive_feed.h"
#include "bridge/archive/selection.h"
#include "bridge/kafka/kafka_records.h"

namespace lookout {

/// What goes to Kafka in one transaction.
struct ForwardBatch {
  ForwardRecords records;
  ForwardedAlerts alerts;      ///< that were told in it
  std::uint64_t first = 0;     ///< the offset from which on it was read
  std::uint64_t next = 0;      ///< the offset behind it
  std::uint64_t messages = 0;  ///< of the archive
  std::uint64_t evicted = 0;   ///< offsets in gaps that retention made
  std::uint64_t lost = 0;      ///< offsets in the other gaps
  std::string last{};          ///< fingerprint() of its last message
  bool is_large = false;       ///< in messages, bytes or records at least half of what it may be
};

/// What is wanted of the archive: from <= time < to. By event time: readings by theirs, aggregates by their
/// window's start, the rest by arrival.
struct ForwardRange {
  TimeAxis axis = TimeAxis::arrival;
  Timestamp from = kEarliestTime, to = kLatestTime;
};

/// Of a transaction, and of the records that they make. A commit costs the network's delay several times,
/// whatever is in it.
inline constexpr std::size_t kMostMessages = 10'000;

/// Reads the archive in transactions' worth. Threading: one owner at a time.
class ForwardSource {
 public:
  ForwardSource(const std::filesystem::path& archive, RecordMaker maker, const ForwardRange& range = {})
      : feed_(archive), maker_(std::move(maker)), range_(range) {}

  /// The next batch begins at `offset`; `alerts` were told before it, and `later` are the epochs that follow
  /// on the archive's.
  void restart(std::uint64_t offset, ForwardedAlerts alerts, std::vector<EpochFrom> later) {
    next_ = offset;
    alerts_ = std::move(alerts);
    maker_.set_later_epochs(std::move(later));
  }
  /// What follows, so many messages at most, and as large a part of the bytes; of none at the archive's end.
  /// The message that makes the records as many is the last. After a failure the same is tried again.
  ArchiveResult<ForwardBatch> next(std::size_t most = kMostMessages);
  /// Holds no file open, and no memory, until the next batch.
  void close() {
    feed_.close();
    maker_.forget_texts();
  }
  /// A file of the archive that cannot be read is a gap from now on. False: it was so before.
  bool pass_over(std::uint64_t first_offset) { return feed_.pass_over(first_offset); }
  /// fingerprint() of the message of that offset; empty where the archive has none.
  ArchiveResult<std::string> fingerprint_at(std::uint64_t offset);
  /// After a failure: the first offset of the file that could not be read.
  [[nodiscard]] std::uint64_t failed_file() const { return feed_.failed_file(); }

 private:
  class Filling;

  ArchiveFeed feed_;
  RecordMaker maker_;
  const ForwardRange range_;
  std::uint64_t next_ = 0;
  ForwardedAlerts alerts_;
  ArchivedMessage last_;
};

}  // namespace lookout
