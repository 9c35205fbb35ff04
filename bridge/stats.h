#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/kafka/kafka_cursor.h"
#include "common/reading.h"
#include "common/timestamp.h"

namespace lookout {

/// What became of everything that was taken since the program's start, in readings:
/// received = accepted + duplicate + the sum of rejected. An undecodable message counts as one.
struct ArchiveBooks {
  std::uint64_t received = 0, accepted = 0, duplicate = 0;
  std::array<std::uint64_t, kReasonNames.size()> rejected{};
  std::uint64_t retained_ignored = 0;  ///< retained messages without an identity, which give no reading

  /// New rows, by table.
  struct {
    std::uint64_t messages = 0, readings = 0, aggregates = 0;
  } archived;
  std::uint64_t malformed_aggregates = 0;  ///< archived as messages only

  void reject(Reason reason) { ++rejected[static_cast<std::size_t>(reason)]; }
  ArchiveBooks& operator+=(const ArchiveBooks& other);
};

/// How the journal stands to the archive.
struct JournalState {
  std::uint64_t lag_records = 0, lag_bytes = 0;  ///< journaled, not yet archived
  std::uint64_t journal_bytes = 0, journal_limit = 0;
  bool journal_full = false;  ///< above its high-water mark: the subscription is left, the broker queues
  bool disk_full = false;     ///< no room for the journal's next segment
  bool power_cut = false;     ///< the machine went down under the run before this one
  std::uint64_t unreadable_records = 0;
};

/// What the archive holds, and whether it takes more.
struct ArchiveState {
  std::string_view state = "writing";  ///< or held_up: messages wait in the journal; stopped: the last word
  std::string error{};  ///< what is wrong with it, also while it writes; empty where nothing is
  std::uint64_t epoch = 0, first_offset = 0, next_offset = 0;
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t evicted = 0, evicted_unforwarded = 0;  ///< offsets that retention took since the start
};

/// How far Kafka is behind.
struct ForwardFigures {
  std::string_view state = "off";      ///< kForwardStates, or off: no Kafka is configured
  std::string error{};                 ///< why it does not go on; empty while it does
  KafkaCursor cursor{};                ///< as committed
  std::uint64_t pending = 0;           ///< offsets that are archived and not in Kafka
  double in_per_s = 0, out_per_s = 0;  ///< messages archived and forwarded, of late
};

/// Seconds until nothing is pending, at the present rates; nothing where that never comes. 0 while it keeps
/// up.
std::optional<double> time_to_drain(const ForwardFigures& forward);

/// The payload of lookout/bridge/{box}/stats.
std::string render_stats(Timestamp now, const ArchiveBooks& books, const JournalState& journal,
                         const ArchiveState& archive, const ForwardFigures& forward);

}  // namespace lookout
