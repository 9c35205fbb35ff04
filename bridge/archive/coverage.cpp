#include "bridge/archive/coverage.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Microseconds kNear = std::chrono::minutes{10};

}  // namespace

void Coverage::add(const Stretch& stretch) {
  const auto is_before = [&](const Stretch& other) { return other.to < stretch.from - kNear; };
  const auto first = std::ranges::partition_point(stretches_, is_before);
  if (first == stretches_.end() || first->from > stretch.to + kNear) {
    stretches_.insert(first, stretch);
    if (stretches_.size() > kMost) join_nearest();
    return;
  }
  first->from = std::min(first->from, stretch.from);
  first->to = std::max(first->to, stretch.to);
  auto next = first + 1;
  for (; next != stretches_.end() && next->from <= first->to + kNear; ++next)
    first->to = std::max(first->to, next->to);
  stretches_.erase(first + 1, next);
}

void Coverage::join_nearest() {
  std::size_t nearest = 0;
  const auto distance = [&](std::size_t i) { return stretches_[i + 1].from - stretches_[i].to; };
  for (std::size_t i = 1; i + 1 < stretches_.size(); ++i) {
    if (distance(i) < distance(nearest)) nearest = i;
  }
  stretches_[nearest].to = stretches_[nearest + 1].to;
  stretches_.erase(stretches_.begin() + static_cast<std::ptrdiff_t>(nearest) + 1);
}

bool Coverage::may_hold(Timestamp from, Timestamp to) const {
  const auto first =
      std::ranges::partition_point(stretches_, [&](const Stretch& stretch) { return stretch.to < from; });
  return first != stretches_.end() && first->from <= to;
}

}  // namespace lookout
