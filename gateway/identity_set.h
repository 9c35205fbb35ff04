#pragma once

#include <cstddef>
#include <vector>

#include "common/identity.h"

namespace lookout {

/// An exact set of identities: open addressing, 16 bytes a slot, at most three quarters full. Nothing is ever
/// removed; the owner drops whole sets. Threading: one owner.
class IdentitySet {
 public:
  /// Whether the identity was new.
  bool insert(const Identity& identity);
  [[nodiscard]] bool contains(const Identity& identity) const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  [[nodiscard]] std::size_t slot_of(const Identity& identity) const;
  void grow();

  std::vector<Identity> slots_;  // {0, 0} is an empty slot; no hash of ours is ever that in practice
  std::size_t size_ = 0;
};

}  // namespace lookout
