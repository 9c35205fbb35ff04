#include "gateway/reference_clock.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr std::uint32_t kEnoughSensors = 3;
constexpr Microseconds kAgreement = std::chrono::minutes{10};
constexpr Microseconds kLongestWait = std::chrono::minutes{1};

}  // namespace

void ReferenceClock::advance(const journal::Record& record) {
  wall_ = record.message.arrival;
  const Microseconds stamp = record.stamp.connected;
  if (last_stamp_ && stamp > *last_stamp_) connected_ += stamp - *last_stamp_;
  if (record.kind == journal::Kind::link_up || (last_stamp_ && stamp < *last_stamp_)) begin_spell();
  last_stamp_ = stamp;
  end_waiting();
  if (record.stamp.trusted == trusted_) return;
  trusted_ = record.stamp.trusted;
  count_all();
}

void ReferenceClock::hear(std::uint32_t sensor, Timestamp event_time) {
  if (votes_.size() <= sensor) votes_.resize(sensor + 1);
  Vote& vote = votes_[sensor];
  if (event_time <= vote.newest) return;
  if (!trusted_ && counts(vote)) uncount(vote.zero);
  if (vote.newest == Timestamp::min() || vote.spell != spell_) ++heard_in_spell_;
  vote = {event_time, event_time - connected_, spell_};
  if (!trusted_) count(vote.zero);
  end_waiting();
}

void ReferenceClock::begin_spell() {
  ++spell_;
  heard_in_spell_ = 0;
  known_before_ = static_cast<std::uint32_t>(
      std::ranges::count_if(votes_, [](const Vote& vote) { return vote.newest != Timestamp::min(); }));
  spell_began_ = connected_;
  waiting_ = true;
  count_all();
}

void ReferenceClock::end_waiting() {
  const bool enough =
      heard_in_spell_ >= kEnoughSensors || (heard_in_spell_ > 0 && connected_ - spell_began_ >= kLongestWait);
  if (!waiting_ || !enough) return;
  waiting_ = false;
  count_all();
}

std::optional<Timestamp> ReferenceClock::known() const {
  if (trusted_) return wall_;
  if (low_.empty() || heard_in_spell_ == 0) return std::nullopt;
  const Timestamp told = now();
  if (abs(told - wall_) <= kAgreement) return std::max(told, wall_);
  const bool all_heard = known_before_ > 0 && heard_in_spell_ >= known_before_;
  return all_heard || !waiting_ ? std::optional(told) : std::nullopt;
}

Timestamp ReferenceClock::now() const {
  if (trusted_ || low_.empty()) return wall_;
  const Timestamp lower = *low_.rbegin() + connected_;
  if (low_.size() > high_.size()) return lower;
  const Timestamp upper = *high_.begin() + connected_;
  return upper - wall_ < abs(lower - wall_) ? upper : lower;
}

void ReferenceClock::count(Timestamp zero) {
  (low_.empty() || zero <= *low_.rbegin() ? low_ : high_).insert(zero);
  balance();
}

void ReferenceClock::uncount(Timestamp zero) {
  if (const auto low = low_.find(zero); low != low_.end()) {
    low_.erase(low);
  } else {
    high_.erase(high_.find(zero));
  }
  balance();
}

void ReferenceClock::balance() {
  if (low_.size() > high_.size() + 1) high_.insert(low_.extract(std::prev(low_.end())));
  if (high_.size() > low_.size()) low_.insert(high_.extract(high_.begin()));
}

void ReferenceClock::count_all() {
  low_.clear();
  high_.clear();
  if (trusted_) return;
  for (const Vote& vote : votes_) {
    if (counts(vote)) count(vote.zero);
  }
}

}  // namespace lookout
