#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/timestamp.h"

namespace lookout {

/// 128 bits of XXH3: equality of identities is what makes two readings the same reading. Two different
/// readings of 10^9 share one with a probability of about 10^-21.
struct Identity {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Identity&) const = default;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(high, low);
  }
};

/// The same on every machine: most significant first.
std::array<char, 16> bytes_of(const Identity& identity);
/// From those bytes; nothing where there are not 16.
std::optional<Identity> identity_of(std::string_view bytes);

/// The hash of a series' four names, each ended by a NUL that no name can hold.
Identity hash_series(std::string_view network, std::string_view region, std::string_view sensor,
                     std::string_view metric);

/// The hash of a text.
Identity hash_text(std::string_view text);

/// The identity of a reading of which the input's JSON pointers say what makes it: `named` is the hash of
/// that.
Identity identify(const Identity& series, const Identity& named);

/// The identity of a reading, from what the sensor gave. `event_time` is empty where the time is only the
/// arrival; then seq and boot must both be there, or the reading has no identity and is never de-duplicated.
std::optional<Identity> identify(const Identity& series, std::optional<Timestamp> event_time, double value,
                                 std::optional<std::uint64_t> seq, std::string_view boot);

}  // namespace lookout
