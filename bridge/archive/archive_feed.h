#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bridge/archive/aggregate_row.h"
#include "bridge/archive/archive_failure.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/file_summary.h"
#include "common/identity.h"
#include "common/timestamp.h"

namespace lookout {

/// A reading as the archive holds it. One that came before is not there again.
struct ArchivedReading {
  std::uint16_t part = 0;  ///< its place in the message
  std::string network, region, sensor, metric, unit, boot;
  Timestamp event_time;
  bool time_is_arrival = false;
  double value = 0;
  std::optional<std::uint64_t> seq;
  std::optional<Identity> identity;  ///< where JSON pointers name it
};

/// A message with what the archive made of it.
struct ArchivedMessage {
  std::uint64_t offset = 0;
  Timestamp arrival;
  std::string topic, payload;
  std::vector<ArchivedReading> readings;  ///< by part
  std::optional<AggregateRow> aggregate;  ///< where it was one that had not come before
};

/// Who takes what is read, by offset: each is one of the messages or in one of the gaps.
class FeedReceiver {
 public:
  FeedReceiver() = default;
  FeedReceiver(const FeedReceiver&) = delete;
  FeedReceiver& operator=(const FeedReceiver&) = delete;
  virtual ~FeedReceiver() = default;

  /// May be taken out, or swapped for another whose memory the next one uses. False: it is to be the batch's
  /// last.
  virtual bool take(ArchivedMessage& message) = 0;
  /// Of what retention took earlier no more is known than the offsets.
  virtual void take(const Gap& gap) = 0;
};

/// What was read at a time.
struct FeedBatch {
  std::size_t messages = 0, bytes = 0;  ///< of topics and payloads
  std::uint64_t next = 0;               ///< the offset behind it
};

/// Reads the archive in the order of its offsets, for a forwarder: a batch at a time, also while it is
/// written. Between two batches a closed file stays open, one that is still written does not. Threading: one
/// owner.
class ArchiveFeed {
 public:
  struct Limits {
    std::size_t messages = 2000;
    std::size_t bytes = std::size_t{1} << 20;  ///< of topics and payloads; at least one message comes
  };

  explicit ArchiveFeed(std::filesystem::path folder);
  ArchiveFeed(const ArchiveFeed&) = delete;
  ArchiveFeed& operator=(const ArchiveFeed&) = delete;
  ~ArchiveFeed();

  /// What is committed from the offset `from` on. Empty at the archive's end. Where a file that is damaged
  /// holds the very next message, it fails, until somebody passes it over or the archive's owner sets it
  /// aside: it is a gap from then on. A full disk does not keep it from reading.
  ArchiveResult<FeedBatch> read(std::uint64_t from, const Limits& limits, FeedReceiver& receiver);
  /// Lets go of the file that it holds open between two batches: the room of one that is evicted would not
  /// be free before.
  void close();
  /// After a failure: the first offset of the file that could not be read.
  [[nodiscard]] std::uint64_t failed_file() const { return failed_.first_offset; }
  /// From now on a file that begins there is not read: what it holds is a gap. False: it was so before.
  bool pass_over(std::uint64_t first_offset) { return passed_over_.insert(first_offset).second; }

 private:
  class File;

  [[nodiscard]] ArchiveResult<std::vector<ArchiveName>> list() const;
  ArchiveResult<bool> add_next(FeedBatch& batch, FeedReceiver& receiver);
  ArchiveResult<bool> open_at(std::uint64_t offset);
  ArchiveResult<bool> open_next(std::uint64_t offset);
  ArchiveResult<bool> open(const std::vector<ArchiveName>& names,
                           std::vector<ArchiveName>::const_iterator name, std::uint64_t offset);
  ArchiveResult<void> add_gaps(std::uint64_t end, FeedBatch& batch, FeedReceiver& receiver);
  ArchiveResult<std::vector<Gap>> noted_gaps(std::uint64_t first, std::uint64_t end);

  const std::filesystem::path folder_;
  ArchiveName name_;        // of the file
  bool is_newest_ = false;  // when it was opened
  ArchiveName failed_;
  std::set<std::uint64_t> passed_over_;
  std::unique_ptr<File> file_;
  ArchivedMessage message_;  // its memory is the next one's
};

}  // namespace lookout
