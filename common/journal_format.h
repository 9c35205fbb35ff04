#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/message.h"

/// The journal: the durable buffer behind a subscription.
///
/// What it promises. append() returns after the record is in the operating system's hands: it survives the
/// death of the process at any moment (kill -9), and once sync() has run after it also a power cut. Records
/// have consecutive offsets that are never used twice. A reader sees exactly the records that were appended,
/// in order, unaltered, or is told which are damaged: those behind them are found again, and a copy of the
/// segment is kept. A record that was not completely written was never acknowledged; opening cuts it off and
/// says so. Everything is bounded: a segment by its size, the journal by trim(), the copies in their number,
/// and intake.h leaves the broker while the journal is above its high-water mark.
///
/// Files. `<first offset, 20 digits>.journal`, each preallocated to the segment size (zeros) and cut to its
/// content when the next begins; `spare` is the next segment, made ahead so that append() needs no disk space
/// of its own. `<segment>.corrupt.<time>` is a copy of one that is damaged; nobody reads it again. All
/// numbers are little endian, as every machine Lookout runs on is.
///
///   segment  = header record* zeros          header = magic(8) first_offset(8) hash(8) of the 16 bytes
///   before record   = length(4) hash(4) body        length counts the body; 0 ends the segment body     =
///   kind(1) flags(1) topic_length(2) arrival(8) connected(8) topic payload
///
/// Every record carries the time in three parts: the wall clock (arrival), whether it can be trusted (a
/// flag), and connected time: how long the link to the broker was up since the writing program started. It is
/// monotonic while the program runs; a step back means a new start and that no connected time passed.
///
/// The hash of a record is the lower half of XXH3-64 over the body, seeded with the record's offset: a record
/// in the wrong place is as wrong as a damaged one.
namespace lookout::journal {

inline constexpr std::string_view kMagic = "LOOKOUT2";
inline constexpr std::size_t kHeaderSize = 24;
inline constexpr std::size_t kRecordHeadSize = 8;
inline constexpr std::size_t kBodyHeadSize = 20;
inline constexpr std::size_t kLargestBody = std::size_t{512}
                                            << 10;  // topic 64 KiB + message_size at most 256 KiB
static_assert(std::endian::native == std::endian::little);

/// What a record is: a message, or another input of the machine: its stamp alone, or, of a configuration, the
/// texts that it was read from as payload (common/config_sources.h).
enum class Kind : std::uint8_t {
  message = 1,
  link_up = 2,
  link_down = 3,
  tick = 4,
  clock = 5,
  configuration = 6
};

constexpr bool is_kind(Kind kind) { return kind >= Kind::message && kind <= Kind::configuration; }

/// Of a message: the broker had kept it (MessageView::retain). Of link_up: it had kept the session.
inline constexpr std::uint8_t kFlagRetain = 1;
inline constexpr std::uint8_t kFlagCut = 2;
inline constexpr std::uint8_t kFlagUntrusted = 4;
inline constexpr std::uint8_t kAllFlags = kFlagRetain | kFlagCut | kFlagUntrusted;

constexpr std::size_t body_size(const MessageView& message) {
  return kBodyHeadSize + message.topic.size() + message.payload.size();
}

/// Copies between bytes and plain values.
template <typename T>
void put(char*& to, T value) {
  std::memcpy(to, &value, sizeof(value));
  to += sizeof(value);
}
template <typename T>
T take(const char*& from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  from += sizeof(value);
  return value;
}

std::uint32_t hash_body(std::uint64_t offset, std::string_view body);
/// The same of one that is still in parts.
std::uint32_t hash_body(std::uint64_t offset, std::string_view head, std::string_view topic,
                        std::string_view payload);

/// The header of a segment, and what its first offset is when it is one.
std::string encode_header(std::uint64_t first_offset);
std::optional<std::uint64_t> decode_header(std::string_view bytes);

/// What a record says of time beside its arrival.
struct Stamp {
  Microseconds connected{};
  bool trusted = true;  ///< whether the wall clock could be believed
};

/// A record as found in a segment; views into the reader's buffer.
struct Record {
  std::uint64_t offset = 0;
  MessageView message;  ///< of other kinds than message: its arrival, a configuration's payload, and retain
  Kind kind = Kind::message;
  Stamp stamp{};
};
/// Nothing when body and hash do not belong together at this offset, or the body's lengths contradict each
/// other.
std::optional<Record> decode_body(std::uint64_t offset, std::uint32_t hash, std::string_view body);

std::filesystem::path segment_path(const std::filesystem::path& folder, std::uint64_t first_offset);

}  // namespace lookout::journal
