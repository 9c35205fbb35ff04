#include "gateway/seq_holes.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace lookout {
namespace {

constexpr std::size_t kHoles = 64;
constexpr std::size_t kFormer = 3;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();

template <typename Hole>
std::uint64_t size_of(const Hole& hole) {
  return std::min(static_cast<std::uint64_t>(hole.end) - static_cast<std::uint64_t>(hole.first), kMost);
}

}  // namespace

void SeqHoles::note(std::uint32_t boot, std::int64_t seq) {
  if (now_.number != boot && !empty()) turn_to(boot);
  now_.number = boot;
  now_.note(seq);
  if (now_.holes.size() <= kHoles) return;
  settled_ += size_of(now_.holes.front());
  now_.holes.erase(now_.holes.begin());
}

// A backlog of the boot before may come behind the first of this one.
void SeqHoles::turn_to(std::uint32_t boot) {
  if (!former_) former_ = std::make_unique<std::vector<Boot>>();
  Boot next;
  if (const auto known = std::ranges::find(*former_, boot, &Boot::number); known != former_->end()) {
    next = std::move(*known);
    former_->erase(known);
  }
  former_->push_back(std::exchange(now_, std::move(next)));
  if (former_->size() <= kFormer) return;
  settled_ += former_->front().missing();
  former_->erase(former_->begin());
}

void SeqHoles::Boot::note(std::int64_t seq) {
  if (largest < 0) {
    smallest = largest = seq;
  } else if (seq > largest) {
    if (seq > largest + 1) holes.push_back(Hole{largest + 1, seq});
    largest = seq;
  } else if (seq < smallest) {
    if (seq + 1 < smallest) holes.insert(holes.begin(), Hole{seq + 1, smallest});
    smallest = seq;
  } else {
    fill(seq);
  }
}

void SeqHoles::Boot::fill(std::int64_t seq) {
  const auto hole = std::ranges::upper_bound(holes, seq, {}, &Hole::end);
  if (hole == holes.end() || seq < hole->first) return;
  const Hole behind{seq + 1, hole->end};
  hole->end = seq;
  if (hole->first < hole->end) {
    if (behind.first < behind.end) holes.insert(hole + 1, behind);
  } else if (behind.first < behind.end) {
    *hole = behind;
  } else {
    holes.erase(hole);
  }
}

std::uint64_t SeqHoles::Boot::missing() const {
  const auto add = [](std::uint64_t sum, const Hole& hole) { return sum + size_of(hole); };
  return std::min(std::accumulate(holes.begin(), holes.end(), std::uint64_t{0}, add), kMost);
}

std::uint64_t SeqHoles::missing() const {
  std::uint64_t sum = settled_ + now_.missing();
  if (former_) {
    for (const Boot& boot : *former_) sum += boot.missing();
  }
  return sum;
}

}  // namespace lookout
