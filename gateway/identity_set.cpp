#include "gateway/identity_set.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Identity kEmpty{};
constexpr std::size_t kFirstCapacity = 8;

// The identity {0, 0} would look like an empty slot; another one stands in for it.
Identity as_stored(const Identity& identity) { return identity == kEmpty ? Identity{0, 1} : identity; }

}  // namespace

std::size_t IdentitySet::slot_of(const Identity& identity) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = identity.low & mask;
  while (slots_[slot] != kEmpty && slots_[slot] != identity) slot = (slot + 1) & mask;
  return slot;
}

bool IdentitySet::insert(const Identity& identity) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  const Identity stored = as_stored(identity);
  Identity& slot = slots_[slot_of(stored)];
  if (slot == stored) return false;
  slot = stored;
  ++size_;
  return true;
}

bool IdentitySet::contains(const Identity& identity) const {
  if (slots_.empty()) return false;
  const Identity stored = as_stored(identity);
  return slots_[slot_of(stored)] == stored;
}

void IdentitySet::grow() {
  const std::vector<Identity> old = std::move(slots_);
  slots_.assign(std::max(kFirstCapacity, old.size() * 2), kEmpty);
  for (const Identity& identity : old) {
    if (identity != kEmpty) slots_[slot_of(identity)] = identity;
  }
}

}  // namespace lookout
