#include "gateway/identity_set.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Identity kEmpty{};

// The identity {0, 0} would look like an empty slot; another one stands in for it.
Identity as_stored(const Identity& identity) { return identity == kEmpty ? Identity{0, 1} : identity; }

// Sets of a few are many: each sensor has some. Where it is too little, the set grows.
std::size_t overflow_of(std::size_t homes) { return std::min(1 + homes / 6, 4 + homes / 32); }

}  // namespace

IdentitySet::IdentitySet(std::size_t expected) {
  if (expected == 0) return;
  homes_ = static_cast<std::uint32_t>(expected * 8 / 7 + 1);
  fill_from({});
}

// Grows with the identity, so that the order of homes is the order of identities.
std::size_t IdentitySet::home_of(const Identity& identity) const {
  return static_cast<std::size_t>(((identity.high >> 32) * homes_) >> 32);
}

// Where it is, or belongs.
std::size_t IdentitySet::slot_of(const Identity& identity) const {
  std::size_t slot = home_of(identity);
  while (slot < slots_.size() && slots_[slot] != kEmpty && slots_[slot] < identity) ++slot;
  return slot;
}

bool IdentitySet::contains(const Identity& identity) const {
  const Identity stored = as_stored(identity);
  const std::size_t slot = slot_of(stored);
  return slot < slots_.size() && slots_[slot] == stored;
}

bool IdentitySet::insert(const Identity& identity) {
  const Identity stored = as_stored(identity);
  std::size_t slot = slot_of(stored);
  if (slot < slots_.size() && slots_[slot] == stored) return false;
  if ((std::size_t{size_} + 1) * 8 > std::size_t{homes_} * 7) {
    grow();
    slot = slot_of(stored);
  }
  auto gap = std::find(slots_.begin() + static_cast<std::ptrdiff_t>(slot), slots_.end(), kEmpty);
  while (gap == slots_.end()) {
    grow();
    slot = slot_of(stored);
    gap = std::find(slots_.begin() + static_cast<std::ptrdiff_t>(slot), slots_.end(), kEmpty);
  }
  std::move_backward(slots_.begin() + static_cast<std::ptrdiff_t>(slot), gap, gap + 1);
  slots_[slot] = stored;
  ++size_;
  return true;
}

void IdentitySet::grow() {
  std::vector<Identity> ordered;
  ordered.reserve(size_);
  std::ranges::copy_if(slots_, std::back_inserter(ordered),
                       [](const Identity& each) { return each != kEmpty; });
  do {
    homes_ += homes_ / 4 + 2;
  } while (!fill_from(ordered));
}

bool IdentitySet::fill_from(const std::vector<Identity>& ordered) {
  std::vector<Identity>(homes_ + overflow_of(homes_), kEmpty).swap(slots_);
  std::size_t next = 0;
  for (const Identity& identity : ordered) {
    next = std::max(next, home_of(identity));
    if (next == slots_.size()) return false;
    slots_[next++] = identity;
  }
  return true;
}

}  // namespace lookout
