#include "gateway/seq_ranges.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace lookout {
namespace {

// Of one sensor in one window, about: one that makes up a new boot for every reading has no gaps worth
// counting.
constexpr std::ptrdiff_t kMostBoots = 16;

// Seqs are not negative: the difference is one of its type.
std::uint32_t distance(std::int64_t larger, std::int64_t smaller) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(larger - smaller, kMost));
}

std::uint64_t moved(std::uint64_t bits, std::int64_t by) { return by < 64 ? bits << by : 0; }

}  // namespace

std::uint32_t boot_number(std::string_view boot) {
  return boot.empty() ? 0 : static_cast<std::uint32_t>(XXH3_64bits(boot.data(), boot.size()));
}

// There is a list in every pane of a region: it grows by an eighth, not to the double.
void SeqRanges::insert(std::vector<Range>& ranges, std::size_t at, const Range& range) {
  if (ranges.size() == ranges.capacity()) ranges.reserve(ranges.size() + ranges.size() / 8 + 4);
  ranges.insert(ranges.begin() + static_cast<std::ptrdiff_t>(at), range);
}

void SeqRanges::Range::add(const Range& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  const std::int64_t newest = std::max(largest, other.largest);
  const std::uint64_t mine = moved(recent, newest - largest);
  const std::uint64_t theirs = moved(other.recent, newest - other.largest);
  below = distance(newest, std::min(smallest(), other.smallest()));
  largest = newest;
  recent = mine | theirs;
  count += other.count - static_cast<std::uint32_t>(std::popcount(mine & theirs));
}

void SeqRanges::add(std::uint32_t member, std::uint32_t boot, std::int64_t seq) {
  const std::uint32_t one = seq < 0 ? 0 : 1;
  add(Range{.member = member, .boot = boot, .largest = seq, .recent = one, .below = 0, .count = one});
}

void SeqRanges::add(const Range& range) {
  if (only_.member == kNobody) {
    only_ = range;
    return;
  }
  if (!many_) {
    if (only_.key() == range.key()) return only_.add(range);
    many_ = std::make_unique<Many>();
    many_->ranges.push_back(only_);
  }
  auto& [ranges, last] = *many_;
  // Sensors take turns, so the one after the last is a good guess, and so is the first.
  const std::size_t next = last + 1 < ranges.size() ? last + 1 : 0;
  if (ranges[next].key() != range.key()) {
    const auto found = std::ranges::lower_bound(ranges, range.key(), {}, &Range::key);
    last = static_cast<std::size_t>(found - ranges.begin());
    if (found == ranges.end() || found->key() != range.key()) {
      const bool too_many =
          found - ranges.begin() >= kMostBoots && (found - kMostBoots)->member == range.member;
      if (!too_many) insert(ranges, last, range);
      return;
    }
  } else {
    last = next;
  }
  ranges[last].add(range);
}

template <typename Visit>
void SeqRanges::for_each(Visit visit) const {
  if (many_) {
    for (const Range& range : many_->ranges) visit(range);
  } else if (only_.member != kNobody) {
    visit(only_);
  }
}

void SeqRanges::merge(const SeqRanges& other) {
  other.for_each([&](const Range& range) { add(range); });
}

std::uint64_t SeqRanges::gaps() const {
  std::uint64_t gaps = 0;
  for_each([&](const Range& range) {
    if (range.count == 0) return;
    const auto span = std::uint64_t{range.below} + 1;
    if (span > range.count) gaps += span - range.count;
  });
  return gaps;
}

std::uint64_t SeqRanges::members() const {
  std::uint64_t members = 0;
  std::int64_t before = -1;
  for_each([&](const Range& range) {
    members += range.member != before ? 1 : 0;
    before = range.member;
  });
  return members;
}

std::vector<std::uint32_t> SeqRanges::list_members() const {
  std::vector<std::uint32_t> members;
  for_each([&](const Range& range) {
    if (members.empty() || members.back() != range.member) members.push_back(range.member);
  });
  return members;
}

}  // namespace lookout
