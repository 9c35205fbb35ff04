#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/aggregate_row.h"
#include "bridge/archive_failure.h"
#include "bridge/archive_name.h"
#include "bridge/file_summary.h"
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
};

/// A message with what the archive made of it.
struct ArchivedMessage {
  std::uint64_t offset = 0;
  Timestamp arrival;
  std::string topic, payload;
  bool retain = false, cut = false;
  std::vector<ArchivedReading> readings;  ///< by part
  std::optional<AggregateRow> aggregate;  ///< where it was one that had not come before
};

/// Offsets from where it was asked for up to `next`: each is one of the messages or in one of the gaps.
struct FeedBatch {
  std::uint64_t epoch = 0;
  std::vector<ArchivedMessage> messages;  ///< by offset
  std::vector<Gap> gaps;                  ///< by offset; of what retention took earlier nothing more is known
  std::uint64_t next = 0;
};

/// Reads the archive in the order of its offsets, for a forwarder: a batch at a time, in bounded memory, also
/// while it is written. Of a file that is still written nothing is held open between two batches. Threading:
/// one owner.
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

  /// What is committed from the offset `from` on. Empty at the archive's end. A file that is damaged fails;
  /// it is set aside by the bridge's next start, and a gap from then on.
  ArchiveResult<FeedBatch> read(std::uint64_t from, const Limits& limits);

 private:
  class File;

  ArchiveResult<bool> open_at(std::uint64_t offset);
  ArchiveResult<bool> open_next(std::uint64_t offset);
  ArchiveResult<bool> open(const ArchiveName& name, std::uint64_t offset);
  ArchiveResult<void> add_gaps(std::uint64_t end, FeedBatch& batch) const;
  [[nodiscard]] ArchiveResult<std::vector<Gap>> noted_gaps(std::uint64_t first, std::uint64_t end) const;

  const std::filesystem::path folder_;
  ArchiveName name_;  // of the file
  std::unique_ptr<File> file_;
};

}  // namespace lookout
