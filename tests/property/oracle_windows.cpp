#include <algorithm>

#include "tests/property/oracle.h"

/// Which windows and sessions there are, which of them take a reading and which are forgotten.
namespace lookout::test {
namespace {

// The start of the step of a sliding window, or of the tumbling window, that a time lies in.
Timestamp step_start(const WindowConfig& window, Timestamp time) {
  Microseconds into = (time.time_since_epoch() - window.offset) % window.step;
  if (into < Microseconds{0}) into += window.step;
  return time - into;
}

template <typename T>
void raise(std::optional<T>& largest, T value) {
  if (!largest || value > *largest) largest = value;
}

}  // namespace

std::vector<std::vector<Fact>> sessions_of(std::vector<Fact> facts, Microseconds gap) {
  std::ranges::stable_sort(facts, {}, &Fact::time);
  std::vector<std::vector<Fact>> sessions;
  for (Fact& fact : facts) {
    if (sessions.empty() || fact.time - sessions.back().back().time > gap) sessions.emplace_back();
    sessions.back().push_back(std::move(fact));
  }
  return sessions;
}

// The newest reading still held, in steps of sliding windows and in sessions that begin up to `limit`.
std::optional<Timestamp> Oracle::newest_up_to(const Shelf& shelf, Timestamp limit) {
  std::optional<Timestamp> newest;
  for (const Window& window : shelf.windows) {
    for (const Fact& fact : window.facts) {
      if (step_start(*shelf.config, fact.time) <= limit) raise(newest, fact.time);
    }
  }
  for (const auto& session : sessions_of(shelf.in_sessions, shelf.config->gap)) {
    if (session.front().time <= limit) raise(newest, session.back().time);
  }
  return newest;
}

// Of all windows that cover a time.
std::vector<Timestamp> Oracle::starts(const WindowConfig& window, Timestamp time) {
  std::vector<Timestamp> starts;
  for (Timestamp start = step_start(window, time); start + window.size > time; start -= window.step) {
    starts.push_back(start);
  }
  return starts;
}

bool Oracle::session_takes(const Group& group, const Shelf& shelf, Timestamp time) const {
  if (shelf.final_until && time <= *shelf.final_until) return false;
  for (const auto& [since, until] : shelf.eras) {
    if (time >= since - shelf.config->gap && time <= until) return false;
  }
  std::vector<Fact> facts = shelf.in_sessions;
  facts.push_back(Fact{.time = time});
  for (const auto& session : sessions_of(facts, shelf.config->gap)) {
    if (session.front().time <= time && time <= session.back().time)
      return !is_final(group, shelf, session.back().time + shelf.config->gap);
  }
  return false;
}

bool Oracle::takes(const Group& group, const Shelf& shelf, Timestamp time) const {
  if (shelf.config->kind == WindowKind::session) return session_takes(group, shelf, time);
  return std::ranges::any_of(starts(*shelf.config, time), [&](Timestamp start) {
    return !is_final(group, shelf, start + shelf.config->size);
  });
}

// No window takes anything earlier.
Timestamp Oracle::takes_nothing_before(const Group& group, const Shelf& shelf) const {
  const WindowConfig& config = *shelf.config;
  const auto mark = watermark(group, config);
  if (!mark) return Timestamp::min();
  const Timestamp final_end = *mark - lateness_of(config);
  if (config.kind != WindowKind::session) return step_start(config, final_end - config.size) + config.step;
  Timestamp alone = final_end - config.gap;
  for (const Fact& fact : shelf.in_sessions) alone = std::min(alone, fact.time - config.gap);
  return std::max(alone, shelf.final_until.value_or(alone));
}

void Oracle::put(const Group& group, Shelf& shelf, const Fact& fact) {
  const WindowConfig& config = *shelf.config;
  if (config.kind == WindowKind::session) {
    const std::size_t before = sessions_of(shelf.in_sessions, config.gap).size();
    shelf.in_sessions.push_back(fact);
    if (sessions_of(shelf.in_sessions, config.gap).size() < before) shelf.joined_at = connected_;
    return;
  }
  for (const Timestamp start : starts(config, fact.time)) {
    if (!is_final(group, shelf, start + config.size)) {
      put_in_window(group, shelf, fact, start);
    } else {
      shelf.final_refused = true;
    }
  }
}

void Oracle::put_in_window(const Group& group, Shelf& shelf, const Fact& fact, Timestamp start) {
  auto window = std::ranges::find(shelf.windows, start, &Window::start);
  if (window == shelf.windows.end())
    window = shelf.windows.insert(window, Window{.start = start, .end = start + shelf.config->size});
  window->facts.push_back(fact);
  const auto mark = watermark(group, *shelf.config);
  // Windows close in the order of their ends: what ends before one that silence has closed is closed too.
  if (mark >= window->end || shelf.closed_until >= window->end) window->closed = true;
  if (!window->closed) return;
  if (window->corrected.empty()) window->first_late = connected_;
  window->corrected.insert(fact.metric);
}

}  // namespace lookout::test
