#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "bridge/kafka/kafka_records.h"
#include "bridge/kafka/kafka_sink.h"
#include "common/result.h"

namespace lookout {

/// How far the archive is in Kafka. Committed there together with what it counts; a copy lies on the box, for
/// retention and for `status`, which need it while Kafka is away.
struct KafkaCursor {
  std::uint64_t epoch = 0;  ///< of the archive
  std::uint64_t begin = 0;  ///< the first offset that was ever to be forwarded under it
  std::uint64_t offset =
      0;  ///< everything from there up to here is in Kafka, or in a gap that Kafka knows of
  std::uint64_t messages = 0;  ///< of the archive, forwarded under this cursor
  std::uint64_t records = 0;   ///< that came of them
  std::uint64_t evicted = 0;   ///< offsets passed over that retention took before they were forwarded
  std::uint64_t lost = 0;      ///< those in damaged files, or that the journal's end had lost
  bool done = false;           ///< of a job: it came to its end
  /// fingerprint() of the message at offset - 1: whether an archive is the one that was forwarded. Empty:
  /// unknown.
  std::string last{};
  std::vector<EpochFrom> epochs{};  ///< later ones than the archive's (Forwarder)
  bool operator==(const KafkaCursor&) const = default;
};

std::string to_json(const KafkaCursor& cursor);
Result<KafkaCursor> parse_cursor(std::string_view json);

/// Keys in the cursors' topic. Everything that a box keeps there begins with cursor_prefix().
std::string cursor_prefix(std::string_view box);
/// The relay's cursor.
std::string cursor_key(std::string_view box, std::uint64_t epoch);
/// That of a job which forwards once more.
std::string job_key(std::string_view box, std::uint64_t epoch, std::string_view job);
bool is_job_key(std::string_view key);

/// Of a message: two that differ in anything, also in when they came, have different ones.
std::string fingerprint(const ArchivedMessage& message);

/// The alerts that were forwarded under a cursor stand beside it.
std::string alert_key(std::string_view cursor_key, std::string_view topic);
std::string to_json(const std::vector<ForwardedAlert>& of_topic);
/// Those among what Kafka has committed.
ForwardedAlerts alerts_in(const KafkaCursors& cursors, std::string_view cursor_key);

/// What the box knows of Kafka while that is away.
struct CursorCopy {
  KafkaCursor cursor;
  std::string cluster{};  ///< the id of the Kafka that has it; empty: unknown
  /// What was taken from this offset on was taken without Kafka having said how far it is; nothing: it has.
  std::optional<std::uint64_t> unheard_from{};
  bool operator==(const CursorCopy&) const = default;
};
/// The copy in the bridge's state folder; nothing where there is none that can be read.
std::optional<CursorCopy> load_cursor_copy(const std::filesystem::path& folder);
/// `durable`: it survives a power cut.
Result<void> save_cursor_copy(const std::filesystem::path& folder, const CursorCopy& copy, bool durable);

}  // namespace lookout
