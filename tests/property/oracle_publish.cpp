#include <fmt/format.h>

#include <algorithm>

#include "tests/property/oracle.h"

/// What comes out when, and with which figures: the other half of the oracle.
namespace lookout::test {

std::string Oracle::id_of(const GroupKey& key, const WindowConfig& window, const std::string& metric,
                          Timestamp start) {
  return fmt::format("{}/{}/{}/{}/{}", key.first, window.name, key.second, metric, to_rfc3339(start));
}

void Oracle::publish_metric(const GroupKey& key, const Shelf& shelf, Window& window,
                            const std::string& metric, ClosedBy closed_by, std::vector<Publication>& out) {
  const auto count = static_cast<std::uint64_t>(std::ranges::count(window.facts, metric, &Fact::metric));
  out.push_back({key, id_of(key, *shelf.config, metric, window.start), window.next_revision[metric]++,
                 closed_by, count});
}

void Oracle::publish(const GroupKey& key, const Shelf& shelf, Window& window, ClosedBy closed_by,
                     std::vector<Publication>& out) {
  std::set<std::string> metrics;
  for (const Fact& fact : window.facts) metrics.insert(fact.metric);
  for (const std::string& metric : metrics) publish_metric(key, shelf, window, metric, closed_by, out);
  window.closed = true;
}

void Oracle::correct(const GroupKey& key, const Shelf& shelf, Window& window, std::vector<Publication>& out) {
  for (const std::string& metric : window.corrected) {
    publish_metric(key, shelf, window, metric, ClosedBy::late, out);
  }
  window.corrected.clear();
}

void Oracle::run_deadlines(std::vector<Publication>& out) {
  for (auto& [key, group] : groups_) {
    for (Shelf& shelf : group.shelves) {
      const Progress now = progress(key, shelf.config->name);
      for (Window& window : shelf.windows) {
        const bool waited = connected_ >= window.first_late + config_.time.correction_interval;
        if (!window.corrected.empty() && waited) correct(key, shelf, window, out);
        if (window.closed || connected_ < now.silent_until(window.end, config_.time.idle)) continue;
        publish(key, shelf, window, ClosedBy::idle, out);
        shelf.closed_until = std::max(shelf.closed_until, std::optional(window.end));
      }
    }
  }
}

void Oracle::put_away(Shelf& shelf, Window window) {
  shelf.final_until = std::max(shelf.final_until, std::optional(window.end));
  shelf.final_since = std::min(shelf.final_since.value_or(window.start), window.start);
  shelf.finished.push_back(std::move(window));
}

// The watermark has come to `mark`.
void Oracle::close(const GroupKey& key, Shelf& shelf, Timestamp mark, std::vector<Publication>& out) const {
  std::vector<Window> open;
  for (Window& window : shelf.windows) {
    if (!window.closed && window.end <= mark) publish(key, shelf, window, ClosedBy::watermark, out);
    if (window.end + lateness_of(*shelf.config) > mark) {
      open.push_back(std::move(window));
    } else {
      correct(key, shelf, window, out);
      put_away(shelf, std::move(window));
    }
  }
  shelf.windows = std::move(open);
}

void Oracle::finish_sessions(Shelf& shelf, Timestamp mark) const {
  std::vector<Fact> open;
  for (auto& session : sessions_of(shelf.in_sessions, shelf.config->gap)) {
    const Timestamp end = session.back().time + shelf.config->gap;
    if (end + lateness_of(*shelf.config) > mark) {
      open.insert(open.end(), session.begin(), session.end());
    } else {
      put_away(shelf, Window{.start = session.front().time, .end = end, .facts = std::move(session)});
    }
  }
  shelf.in_sessions = std::move(open);
}

std::vector<Oracle::Publication> Oracle::finish() {
  std::vector<Publication> out;
  for (auto& [key, group] : groups_) {
    for (Shelf& shelf : group.shelves) {
      for (Window& window : shelf.windows) {
        if (window.closed) correct(key, shelf, window, out);
        if (!window.closed) publish(key, shelf, window, ClosedBy::end_of_input, out);
      }
    }
  }
  return out;
}

Oracle::Progress Oracle::progress(const GroupKey& key, const std::string& window) const {
  Progress progress;
  const auto found = groups_.find(key);
  if (found == groups_.end()) return progress;
  const Group& group = found->second;
  for (const Shelf& shelf : group.shelves) {
    if (shelf.config->name != window) continue;
    progress.watermark = watermark(group, *shelf.config);
    progress.lag = lag_of(*shelf.config);
    progress.allowed_lateness = lateness_of(*shelf.config);
    progress.joined_at = shelf.joined_at;
  }
  progress.was_set_back = group.was_set_back;
  progress.newest = group.newest.value_or(Timestamp{});
  progress.newest_since = group.newest_since;
  progress.last_since = group.last_since;
  return progress;
}

std::map<std::string, std::uint64_t> Oracle::sessions_due() const {
  std::map<std::string, std::uint64_t> due;
  for (const auto& [key, group] : groups_) {
    for (const Shelf& shelf : group.shelves) {
      if (group.was_set_back) continue;
      const Progress now = progress(key, shelf.config->name);
      for (const auto& session : sessions_of(shelf.in_sessions, shelf.config->gap)) {
        const Timestamp end = session.back().time + shelf.config->gap;
        const bool silent = connected_ >= now.silent_until(end, config_.time.idle);
        const Microseconds last = std::ranges::max(session, {}, &Fact::taken).taken;
        if ((end > now.watermark && !silent) || connected_ < last + config_.time.correction_interval)
          continue;
        for (const Fact& fact : session) ++due[id_of(key, *shelf.config, fact.metric, session.front().time)];
      }
    }
  }
  return due;
}

std::map<std::string, Figures> Oracle::results() const {
  std::map<std::string, std::vector<Fact>> by_id;
  std::map<std::string, Figures> found;
  for (const auto& [key, group] : groups_) {
    for (const Shelf& shelf : group.shelves) {
      const auto add = [&](const std::vector<Fact>& facts, Timestamp start) {
        by_id.clear();
        for (const Fact& fact : facts) by_id[id_of(key, *shelf.config, fact.metric, start)].push_back(fact);
        for (const auto& [id, own] : by_id) found[id] = compute(own, shelf.config->over);
      };
      for (const Window& window : shelf.windows) add(window.facts, window.start);
      for (const Window& window : shelf.finished) add(window.facts, window.start);
      for (const auto& session : sessions_of(shelf.in_sessions, shelf.config->gap)) {
        add(session, session.front().time);
      }
    }
  }
  return found;
}

}  // namespace lookout::test
