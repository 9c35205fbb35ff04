#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/identity.h"

namespace lookout {

/// An exact set of identities in little memory: an ordered hash table with linear probing (Amble and Knuth,
/// The Computer Journal 17(2), 1974), 16 bytes a slot, seven tenths to seven eighths full. Order ends a
/// search that finds nothing as soon as one that finds something. Nothing is ever removed; the owner drops
/// whole sets. Threading: one owner.
class IdentitySet {
 public:
  /// With room for `expected` of them; there can be 2^31.
  explicit IdentitySet(std::size_t expected = 0);

  /// Whether the identity was new.
  bool insert(const Identity& identity);
  [[nodiscard]] bool contains(const Identity& identity) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Identity); }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(slots_, homes_, size_);
  }

 private:
  [[nodiscard]] std::size_t home_of(const Identity& identity) const;
  [[nodiscard]] std::size_t slot_of(const Identity& identity) const;
  void grow();
  bool fill_from(const std::vector<Identity>& ordered);

  std::vector<Identity> slots_;  // ascending but for the gaps, which are {0, 0}
  std::uint32_t homes_ = 0;      // slots that are somebody's home; the rest is for the last ones' overflow
  std::uint32_t size_ = 0;
};

}  // namespace lookout
