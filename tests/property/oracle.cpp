#include "tests/property/oracle.h"

#include <algorithm>

namespace lookout::test {
namespace {

std::string group_text(GroupBy by, const Fact& fact) {
  if (by == GroupBy::network) return "_all";
  return by == GroupBy::region ? fact.region : fact.region + "/" + fact.sensor;
}

std::string sensor_of(const Fact& fact) { return fact.network + "/" + group_text(GroupBy::sensor, fact); }

}  // namespace

Microseconds Oracle::lag_of(const WindowConfig& window) const {
  return window.lag.value_or(config_.time.lag);
}

Microseconds Oracle::lateness_of(const WindowConfig& window) const {
  return window.allowed_lateness.value_or(config_.time.allowed_lateness);
}

std::optional<Timestamp> Oracle::watermark(const Group& group, const WindowConfig& window) const {
  if (!group.newest) return std::nullopt;
  return *group.newest - lag_of(window);
}

bool Oracle::is_final(const Group& group, const Shelf& shelf, Timestamp end) const {
  const auto mark = watermark(group, *shelf.config);
  const bool past = mark && end + lateness_of(*shelf.config) <= *mark;
  const WindowConfig& config = *shelf.config;
  const bool in_era =
      config.kind != WindowKind::session && std::ranges::any_of(shelf.eras, [&](const auto& era) {
        return end - config.size >= era.first && end <= era.second;
      });
  return past || in_era || (shelf.final_until && end <= *shelf.final_until);
}

// The wall clock where it is trusted, else the median of what the sensors say, carried on; of two in the
// middle the one nearer to the wall clock, of two as near the lower.
Timestamp Oracle::reference(const Step& step) const {
  if (step.trusted || votes_.empty()) return step.arrival;
  // After the link was away, those heard since, when they are three or a minute has passed.
  const auto heard =
      std::ranges::count_if(votes_, [&](const auto& each) { return each.second.spell == spell_; });
  const bool enough = heard >= 3 || (heard > 0 && connected_ - spell_began_ >= std::chrono::minutes{1});
  std::vector<Timestamp> times;
  for (const auto& [sensor, vote] : votes_) {
    if (!enough || vote.spell == spell_) times.push_back(vote.newest + (connected_ - vote.since));
  }
  std::ranges::sort(times);
  const Timestamp low = times[(times.size() - 1) / 2], high = times[times.size() / 2];
  const auto distance = [&](Timestamp time) { return std::chrono::abs(time - step.arrival); };
  return distance(high) < distance(low) ? high : low;
}

std::vector<std::pair<Oracle::GroupKey, Oracle::Group*>> Oracle::groups_of(const Fact& fact) {
  std::vector<std::pair<GroupKey, Group*>> found;
  for (const GroupBy by : {GroupBy::sensor, GroupBy::region, GroupBy::network}) {
    const GroupKey key{fact.network, group_text(by, fact)};
    const auto [at, is_new] = groups_.try_emplace(key);
    for (const WindowConfig& window : config_.windows) {
      if (is_new && std::ranges::count(window.by, by) > 0)
        at->second.shelves.push_back(Shelf{.config = &window});
    }
    found.emplace_back(key, &at->second);
  }
  return found;
}

std::vector<Oracle::Publication> Oracle::step(const Step& step) {
  std::vector<Publication> out;
  if (last_stamp_ && step.connected > *last_stamp_) connected_ += step.connected - *last_stamp_;
  if (step.kind == journal::Kind::link_up || (last_stamp_ && step.connected < *last_stamp_)) {
    ++spell_;
    spell_began_ = connected_;
  }
  last_stamp_ = step.connected;
  first_arrival_ = std::min(first_arrival_, step.arrival);
  last_arrival_ = std::max(last_arrival_, step.arrival);
  run_deadlines(out);
  if (step.kind == journal::Kind::message) take(step, out);
  return out;
}

void Oracle::take(const Step& step, std::vector<Publication>& out) {
  ++account_.received;
  if (step.broken) {
    ++account_.not_json;
    return;
  }
  Fact fact{.network = step.network(),
            .region = step.region(),
            .sensor = step.sensor_name(),
            .metric = step.metric_name(),
            .time = step.event_time.value_or(Timestamp{}),
            .taken = connected_,
            .value = step.value,
            .seq = step.seq,
            .boot = step.boot};
  if (step.event_time) hear(fact);
  const Timestamp now = reference(step), limit = now + config_.time.max_future;
  if (!step.event_time) fact.time = now;
  latest_ = std::max(latest_, now);
  if (is_ahead(limit)) {
    set_back(limit);
  }
  if (fact.time > limit) {
    ++account_.future;
  } else if (fact.time < now - config_.time.max_past) {
    ++account_.past;
  } else {
    judge(step, fact, out);
  }
}

void Oracle::hear(const Fact& fact) {
  const Vote vote{fact.time, connected_, spell_};
  Vote& before = votes_.try_emplace(sensor_of(fact), vote).first->second;
  if (vote.newest > before.newest) before = vote;
}

bool Oracle::is_ahead(Timestamp limit) const {
  return std::ranges::any_of(groups_, [&](const auto& each) { return each.second.newest > limit; });
}

void Oracle::set_back(Timestamp limit) {
  ++account_.set_back;
  for (auto& [key, group] : groups_) {
    if (!(group.newest > limit)) continue;
    std::optional<Timestamp> newest;
    for (Shelf& shelf : group.shelves) {
      // Final windows may have become open again: whether they have then what they did not get is open too.
      lost_track_ = lost_track_ || shelf.final_refused;
      // What is final for the time beyond the limit only was so by a wrong time.
      if (shelf.final_since > limit) {
        shelf.eras.emplace_back(*shelf.final_since, *shelf.final_until);
        shelf.final_since = shelf.final_until = std::nullopt;
      }
      newest = std::max(newest, newest_up_to(shelf, limit));
    }
    group.newest = newest;
    if (newest > limit) group.newest = limit;
    group.was_set_back = true;
  }
}

void Oracle::judge(const Step& step, const Fact& fact, std::vector<Publication>& out) {
  std::uint64_t covering = 0, refusing = 0;
  for (const auto& [key, group] : groups_of(fact)) {
    for (const Shelf& shelf : group->shelves) {
      if (!shelf.config->covers(fact.metric)) continue;
      ++covering;
      refusing += takes(*group, shelf, fact.time) ? 0 : 1;
    }
  }
  const bool late = covering > 0 && refusing == covering;
  lost_track_ = lost_track_ || (!late && may_be_forgotten(step, fact, covering > 0));
  if (is_repeat(step, fact, late)) {
    ++account_.duplicate;
  } else if (late) {
    ++account_.late;
  } else {
    ++account_.accepted;
    account_.refused += refusing;
    accept(fact, out);
  }
}

// Identities are forgotten when no window can take them any more, those that no window covers after a while.
// A clock that steps back makes that a question again, and the machine may refuse what it cannot answer.
bool Oracle::may_be_forgotten(const Step& step, const Fact& fact, bool covered) {
  if (!covered) return last_arrival_ - first_arrival_ > config_.time.identity_window;
  if (!step.event_time) return false;
  auto reached = Timestamp::max();
  for (const auto& [key, group] : groups_of(fact)) {
    for (const Shelf& shelf : group->shelves)
      reached = std::min(reached, takes_nothing_before(*group, shelf));
  }
  Timestamp& horizon = horizons_.try_emplace(sensor_of(fact), Timestamp::min()).first->second;
  horizon = std::max(horizon, reached);
  return fact.time < std::max(horizon, latest_ - config_.time.max_past);
}

// What is late and has an event time need not be known again: it is late the second time too.
bool Oracle::is_repeat(const Step& step, const Fact& fact, bool late) {
  if (!step.event_time && (!step.seq || step.boot.empty())) return false;
  if (step.event_time && late) return false;
  return !known_
              .insert(Identity{fact.network, fact.region, fact.sensor, fact.metric, step.event_time,
                               fact.value, fact.seq, fact.boot})
              .second;
}

void Oracle::accept(const Fact& fact, std::vector<Publication>& out) {
  for (const auto& [key, group] : groups_of(fact)) {
    for (Shelf& shelf : group->shelves) {
      if (shelf.config->covers(fact.metric) && takes(*group, shelf, fact.time)) put(*group, shelf, fact);
    }
    if (!group->newest || fact.time > *group->newest) {
      group->newest = fact.time;
      group->newest_since = connected_;
    }
    group->last_since = connected_;
    for (Shelf& shelf : group->shelves) {
      const Timestamp mark = *group->newest - lag_of(*shelf.config);
      close(key, shelf, mark, out);
      finish_sessions(shelf, mark);
    }
  }
}

}  // namespace lookout::test
