#include "common/journal_format.h"

#include <fmt/format.h>
#define XXH_STATIC_LINKING_ONLY  // for a state on the stack
#include <xxhash.h>

#include <array>

namespace lookout::journal {

std::uint32_t hash_body(std::uint64_t offset, std::string_view body) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(body.data(), body.size(), offset));
}

std::uint32_t hash_body(std::uint64_t offset, std::string_view head, std::string_view topic,
                        std::string_view payload) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, offset);
  for (const std::string_view part : {head, topic, payload})
    XXH3_64bits_update(&state, part.data(), part.size());
  return static_cast<std::uint32_t>(XXH3_64bits_digest(&state));
}

std::string encode_header(std::uint64_t first_offset) {
  std::array<char, kHeaderSize> bytes;
  char* to = bytes.data();
  std::memcpy(to, kMagic.data(), kMagic.size());
  to += kMagic.size();
  put(to, first_offset);
  put(to, std::uint64_t{XXH3_64bits(bytes.data(), 16)});
  return {bytes.data(), bytes.size()};
}

std::optional<std::uint64_t> decode_header(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || !bytes.starts_with(kMagic)) return std::nullopt;
  const char* from = bytes.data() + kMagic.size();
  const auto first_offset = take<std::uint64_t>(from);
  if (take<std::uint64_t>(from) != XXH3_64bits(bytes.data(), 16)) return std::nullopt;
  return first_offset;
}

std::optional<Record> decode_body(std::uint64_t offset, std::uint32_t hash, std::string_view body) {
  if (body.size() < kBodyHeadSize || hash_body(offset, body) != hash) return std::nullopt;
  const char* from = body.data();
  const auto kind = take<Kind>(from);
  const auto flags = take<std::uint8_t>(from);
  const auto topic_length = take<std::uint16_t>(from);
  const auto arrival = take<std::int64_t>(from);
  const auto connected = take<std::int64_t>(from);
  if (!is_kind(kind) || body.size() < kBodyHeadSize + topic_length) return std::nullopt;
  Record record{offset, {}, kind, {Microseconds{connected}, (flags & kFlagUntrusted) == 0}};
  record.message.arrival = Timestamp{Microseconds{arrival}};
  record.message.topic = body.substr(kBodyHeadSize, topic_length);
  record.message.payload = body.substr(kBodyHeadSize + topic_length);
  record.message.retain = (flags & kFlagRetain) != 0;
  record.message.cut = (flags & kFlagCut) != 0;
  return record;
}

std::filesystem::path segment_path(const std::filesystem::path& folder, std::uint64_t first_offset) {
  return folder / fmt::format("{:020}.journal", first_offset);
}

}  // namespace lookout::journal
