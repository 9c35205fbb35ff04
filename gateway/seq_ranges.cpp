#include "gateway/seq_ranges.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

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

// LEB128: seven bits a byte, the lowest first.
void put(std::string& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) to += static_cast<char>(number | 0x80);
  to += static_cast<char>(number);
}

// 0 where nothing is left: a damaged snapshot can say anything.
std::uint64_t get(std::string_view& from) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; !from.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) break;
  }
  return number;
}

// Small ones of either sign become small ones.
std::uint64_t zigzag(std::uint64_t difference) { return difference << 1 ^ (0 - (difference >> 63)); }
std::uint64_t unzigzag(std::uint64_t number) { return number >> 1 ^ (0 - (number & 1)); }

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
  if (!many_->packed.empty()) {
    for_each_packed(std::exchange(many_->packed, {}),
                    [&](const Range& each) { insert(many_->ranges, many_->ranges.size(), each); });
  }
  std::vector<Range>& ranges = many_->ranges;
  std::size_t& last = many_->last;
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

// Each by what it differs in from the one before. A single seq, as most are, and the same boot need no more
// than a bit.
void SeqRanges::pack() {
  if (!many_ || many_->ranges.empty()) return;
  std::string packed;
  Range before{.member = 0};
  for (const Range& range : many_->ranges) {
    const bool single = range.count == 1 && range.recent == 1 && range.below == 0;
    const bool same_boot = range.boot == before.boot;
    put(packed,
        std::uint64_t{range.member - before.member} << 2 | (same_boot ? 2U : 0U) | (single ? 1U : 0U));
    if (!same_boot) put(packed, range.boot);
    put(packed,
        zigzag(static_cast<std::uint64_t>(range.largest) - static_cast<std::uint64_t>(before.largest)));
    if (!single) {
      for (const std::uint64_t number :
           {range.recent, std::uint64_t{range.below}, std::uint64_t{range.count}})
        put(packed, number);
    }
    before = range;
  }
  many_->packed = std::string(packed);  // no larger than it is
  many_->ranges = std::vector<Range>();
}

template <typename Visit>
void SeqRanges::for_each_packed(std::string_view packed, Visit visit) {
  Range range{.member = 0};
  while (!packed.empty()) {
    const std::uint64_t head = get(packed);
    range.member += static_cast<std::uint32_t>(head >> 2);
    if ((head & 2) == 0) range.boot = static_cast<std::uint32_t>(get(packed));
    range.largest =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(range.largest) + unzigzag(get(packed)));
    const bool single = (head & 1) != 0;
    range.recent = single ? 1 : get(packed);
    range.below = single ? 0 : static_cast<std::uint32_t>(get(packed));
    range.count = single ? 1 : static_cast<std::uint32_t>(get(packed));
    visit(range);
  }
}

template <typename Visit>
void SeqRanges::for_each(Visit visit) const {
  if (many_ && !many_->packed.empty()) {
    for_each_packed(many_->packed, visit);
  } else if (many_) {
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
