#include "common/identity.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>

namespace lookout {
namespace {

Identity from(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

}  // namespace

std::array<char, 16> bytes_of(const Identity& identity) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, {.low64 = identity.low, .high64 = identity.high});
  return std::bit_cast<std::array<char, 16>>(canonical);
}

std::optional<Identity> identity_of(std::string_view bytes) {
  XXH128_canonical_t canonical;
  if (bytes.size() != sizeof(canonical)) return std::nullopt;
  std::memcpy(&canonical, bytes.data(), sizeof(canonical));
  return from(XXH128_hashFromCanonical(&canonical));
}

Identity hash_text(std::string_view text) { return from(XXH3_128bits(text.data(), text.size())); }

Identity hash_series(std::string_view network, std::string_view region, std::string_view sensor,
                     std::string_view metric) {
  fmt::memory_buffer bytes;  // names of series fit in without an allocation
  for (const std::string_view name : {network, region, sensor, metric}) {
    bytes.append(name);
    bytes.push_back('\0');
  }
  return hash_text({bytes.data(), bytes.size()});
}

// Shorter than what the other rule hashes: an identity of one kind is none of the other.
Identity identify(const Identity& series, const Identity& named) {
  const std::array<std::uint64_t, 4> fields{series.high, series.low, named.high, named.low};
  return from(XXH3_128bits(fields.data(), sizeof(fields)));
}

std::optional<Identity> identify(const Identity& series, std::optional<Timestamp> event_time, double value,
                                 std::optional<std::uint64_t> seq, std::string_view boot) {
  if (!event_time && (!seq || boot.empty())) return std::nullopt;
  // +0.0 makes -0.0 and 0.0, which are equal, the same bits.
  const std::array<std::uint64_t, 6> fields{
      series.high,
      series.low,
      (event_time ? 1U : 0U) | (seq ? 2U : 0U),
      event_time ? std::bit_cast<std::uint64_t>(event_time->time_since_epoch().count()) : 0,
      std::bit_cast<std::uint64_t>(value + 0.0),
      seq.value_or(0)};
  std::array<char, sizeof(fields) + 64> bytes;
  std::memcpy(bytes.data(), fields.data(), sizeof(fields));
  std::memcpy(bytes.data() + sizeof(fields), boot.data(), boot.size());
  return from(XXH3_128bits(bytes.data(), sizeof(fields) + boot.size()));
}

}  // namespace lookout
