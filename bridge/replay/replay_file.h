#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/file_summary.h"
#include "bridge/replay/topic_filter.h"
#include "common/decoder.h"
#include "common/timestamp.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// An archived message on its way into a replay.
struct ReplayMessage {
  Timestamp at;  ///< where it stands in the replay's order
  std::uint64_t offset = 0;
  Timestamp arrival;
  std::string topic, payload;
  bool retain = false, cut = false;
};

/// Where a message stands by event time.
struct ReplayPlace {
  Timestamp at;
  std::uint64_t offset = 0;
  auto operator<=>(const ReplayPlace&) const = default;
};

/// from <= time < to.
struct TimeRange {
  Timestamp from, to;
  [[nodiscard]] bool holds(Timestamp time) const { return time >= from && time < to; }
};

/// One look into one file of the archive: a connection for one question, gone with the object, so that no
/// read of a file that is still written outlives it (a WAL with a reader cannot be reset). Every answer is
/// bounded. Threading: one owner.
class ReplayFile {
 public:
  /// `closed`: the file is never written again.
  static ArchiveResult<ReplayFile> open(const std::filesystem::path& path, bool closed);
  ReplayFile(ReplayFile&&) noexcept;
  ~ReplayFile();

  /// What the file holds now.
  ArchiveResult<FileSummary> summary();
  ArchiveResult<std::vector<Gap>> gaps();
  /// Its topics that are wanted.
  ArchiveResult<std::vector<std::string>> topics(const TopicFilter& filter);

  /// What is asked of the order by event time.
  struct Stretch {
    TimeRange range;               ///< of event time
    ReplayPlace behind;            ///< readings up to this message's are passed over
    std::uint64_t end_offset = 0;  ///< and messages from here on
    std::size_t limit = 0;         ///< of readings
  };
  struct Readings {
    std::vector<ReplayPlace> places;  ///< of the messages of the first `limit` readings, in order
    bool complete = true;             ///< there are no more in the stretch
  };
  ArchiveResult<Readings> readings(const Stretch& stretch, const TopicFilter& filter);

  /// What came last of one sensor's series, judged by what moves a watermark: event times of at most
  /// `max_future` behind their arrival.
  struct Newest {
    std::string network, region, sensor;
    std::optional<Timestamp> event_time;
    Timestamp arrival;
  };
  ArchiveResult<std::vector<Newest>> newest(Microseconds max_future, std::uint64_t end_offset);

  struct Undated {
    std::vector<ReplayPlace> places;  ///< by arrival, then offset
    std::uint64_t left_out = 0;       ///< messages that can be decoded and brought no new reading
  };
  /// Messages that arrived in the range, gave the archive no reading and are not readable now: they stand at
  /// their arrival.
  ArchiveResult<Undated> undated(const TimeRange& arrivals, std::uint64_t end_offset,
                                 const TopicFilter& filter, Decoder& decoder);

  /// The message at each of these places, up to the one with which topics and payloads have `bytes`; nothing
  /// where it is not there, or not wanted.
  ArchiveResult<std::vector<std::optional<ReplayMessage>>> messages(std::span<const ReplayPlace> places,
                                                                    std::size_t bytes,
                                                                    const TopicFilter& filter);

  /// Offsets, and how much one answer may hold (at least one message).
  struct Bounds {
    std::uint64_t from = 0, to = 0;
    std::size_t messages = 0, bytes = 0;
  };
  struct Arrivals {
    std::vector<ReplayMessage> messages;
    std::uint64_t next = 0;  ///< the offset behind what was looked at
  };
  /// By offset, those wanted that arrived in the range.
  ArchiveResult<Arrivals> arrivals(const Bounds& bounds, const TimeRange& range, const TopicFilter& filter);

 private:
  ReplayFile(std::filesystem::path path, bool closed, std::unique_ptr<SQLite::Database> database);

  std::filesystem::path path_;
  bool closed_;
  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace lookout
