#include "bridge/days/seq_gaps.h"

#include <algorithm>

#include "common/identity.h"

namespace lookout {
namespace {

// One that makes up a new boot for every reading has no gaps worth counting.
constexpr std::size_t kMostBoots = 16;
constexpr std::int64_t kRecent = 64;

std::uint64_t unsigned_of(std::int64_t number) { return static_cast<std::uint64_t>(number); }

// How far it is from `newest` over the end of the counter to `seq`; 0 where it did not wrap.
std::int64_t step_over_end(std::int64_t newest, std::int64_t seq) {
  for (const int bits : {8, 16, 32}) {
    const std::int64_t end = std::int64_t{1} << bits;
    if (newest >= end) continue;
    const std::int64_t near = end / 16;
    return end - newest <= near && seq < near ? end - newest + seq : 0;
  }
  return 0;
}

}  // namespace

void SeqGaps::add(std::string_view boot, std::int64_t seq) {
  const std::uint64_t hash = boot.empty() ? 0 : hash_text(boot).low;
  count(counter_of(hash, seq), seq);
}

SeqGaps::Counter& SeqGaps::counter_of(std::uint64_t boot, std::int64_t seq) {
  auto found = std::ranges::find(counters_, boot, &Counter::boot);
  if (found == counters_.end()) {
    if (counters_.size() == kMostBoots) counters_.pop_back();
    found = counters_.insert(counters_.end(), Counter{.boot = boot, .smallest = seq, .newest = seq});
  }
  std::rotate(counters_.begin(), found, found + 1);
  return counters_.front();
}

void SeqGaps::count(Counter& counter, std::int64_t seq) {
  if (seq > counter.newest) {
    go_on(counter, seq);
  } else if (counter.newest - seq < kRecent) {
    look_back(counter, seq);
  } else {
    if (const auto step = step_over_end(counter.newest, seq); step > 0) missing_ += unsigned_of(step - 1);
    counter = {.boot = counter.boot, .smallest = seq, .newest = seq};
  }
}

void SeqGaps::go_on(Counter& counter, std::int64_t seq) {
  const std::int64_t step = seq - counter.newest;
  missing_ += unsigned_of(step - 1);
  counter.recent = (step < kRecent ? counter.recent << step : 0) | 1;
  counter.newest = seq;
}

void SeqGaps::look_back(Counter& counter, std::int64_t seq) {
  const std::uint64_t bit = std::uint64_t{1} << (counter.newest - seq);
  if (seq < counter.smallest) {
    missing_ += unsigned_of(counter.smallest - seq - 1);
    counter.smallest = seq;
  } else if ((counter.recent & bit) == 0) {
    --missing_;
  }
  counter.recent |= bit;
}

}  // namespace lookout
