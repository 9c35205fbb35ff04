#include "bridge/replay/promotion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

namespace lookout {
namespace {

using nlohmann::ordered_json;

constexpr double kTolerance = 1e-9;

bool is_near(double a, double b) {
  return std::abs(a - b) <= kTolerance * std::max(std::abs(a), std::abs(b));
}

bool is_near(const std::optional<double>& a, const std::optional<double>& b) {
  return a && b ? is_near(*a, *b) : a == b;
}

bool has_same_values(const AggregateRow& a, const AggregateRow& b) {
  const auto exact = [](const AggregateRow& row) {
    return std::tie(row.retracted, row.count, row.sensors, row.min, row.max, row.first, row.last, row.over,
                    row.seq_gaps);
  };
  return exact(a) == exact(b) && is_near(a.sum, b.sum) && is_near(a.mean, b.mean) &&
         is_near(a.stddev, b.stddev);
}

std::string topic_of(const AggregateRow& row) {
  return fmt::format("aggregates/{}/{}/{}/{}", row.network, row.window, row.group, row.metric);
}

Outgoing promoted(const ResultBook::Entry& result, std::int64_t revision) {
  auto payload = ordered_json::parse(result.payload);
  payload["revision"] = revision;
  payload["closed_by"] = "replay";
  payload.erase("historical");
  return {topic_of(result.row), payload.dump(), false};
}

/// `by`: what takes its place.
Outgoing retraction(const AggregateRow& row, const ResultBook::Entry& by) {
  auto payload = ordered_json::parse(by.payload);
  payload["id"] = row.id;
  payload["revision"] = row.revision + 1;
  payload["unit"] = row.unit;
  payload["start"] = to_rfc3339(row.start);
  payload["end"] = to_rfc3339(row.end);
  payload["closed_by"] = "replay";
  for (const char* key : {"count", "sensors", "sum", "seq_gaps"}) payload[key] = 0;
  for (const char* key : {"mean", "min", "max", "stddev", "first", "last"}) payload[key] = nullptr;
  payload["late"] = row.late;
  if (payload.contains("over")) payload["over"] = 0;
  payload.erase("historical");
  payload["retracted"] = true;
  return {topic_of(row), payload.dump(), false};
}

bool lies_inside(const AggregateRow& row, const TimeRange& range) {
  return row.start >= range.from && row.end <= range.to;
}

const WindowConfig* find_window(const std::vector<WindowConfig>& windows, const std::string& name) {
  const auto found = std::ranges::find(windows, name, &WindowConfig::name);
  return found == windows.end() ? nullptr : &*found;
}

/// Live results that the replay does not have.
class OnlyLive {
 public:
  OnlyLive(const ResultBook& live, const ResultBook& replayed) {
    for (const auto& [id, entry] : live.entries()) {
      const AggregateRow* other = replayed.find(id);
      if (entry.row.retracted || (other && !other->retracted)) continue;
      rows_[key_of(entry.row)].emplace(entry.row.start, &entry.row);
    }
  }

  /// Those that begin inside a session.
  [[nodiscard]] std::vector<const AggregateRow*> inside(const AggregateRow& session) const {
    std::vector<const AggregateRow*> found;
    const auto rows = rows_.find(key_of(session));
    if (rows == rows_.end()) return found;
    const auto end = rows->second.lower_bound(session.end);
    for (auto row = rows->second.lower_bound(session.start); row != end; ++row) found.push_back(row->second);
    return found;
  }
  void remove(const AggregateRow& row) { rows_[key_of(row)].erase(row.start); }

  template <typename Condition>
  [[nodiscard]] std::uint64_t count(Condition is_counted) const {
    std::uint64_t count = 0;
    for (const auto& [key, rows] : rows_) {
      for (const auto& [start, row] : rows) count += is_counted(*row) ? 1 : 0;
    }
    return count;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  static Key key_of(const AggregateRow& row) { return {row.network, row.window, row.group, row.metric}; }
  std::map<Key, std::map<Timestamp, const AggregateRow*>> rows_;
};

class Promoter {
 public:
  Promoter(const ResultBook& replayed, const ResultBook& live, const TimeRange& range, const Config& config,
           const LiveGroups& groups, Timestamp now)
      : live_(live), range_(range), config_(config), groups_(groups), now_(now), only_live_(live, replayed) {}

  void add(const ResultBook::Entry& result) {
    std::uint64_t* reason = reason_against(result.row);
    if (reason) {
      ++*reason;
      return;
    }
    const auto swallowed = swallowed_by(result.row);
    const AggregateRow* live = live_.find(result.row.id);
    if (std::ranges::any_of(swallowed, [&](const auto* row) { return row->count > result.row.count; }) ||
        (live && !live->incomplete && live->count > result.row.count)) {
      ++promotion_.counts.fewer_readings;
      return;
    }
    for (const AggregateRow* row : swallowed) retract(*row, result);
    if (live && !live->incomplete && has_same_values(*live, result.row)) {
      ++promotion_.counts.equal;
      return;
    }
    ++promotion_.counts.promoted;
    promotion_.messages.push_back(promoted(result, live ? live->revision + 1 : 0));
  }

  Promotion finish() {
    promotion_.counts.only_live = only_live_.count([&](const AggregateRow& row) {
      return lies_inside(row, range_) && find_window(config_.windows, row.window);
    });
    return std::move(promotion_);
  }

 private:
  /// The count of those that are not promoted for the same reason.
  std::uint64_t* reason_against(const AggregateRow& row) {
    Promotion::Counts& counts = promotion_.counts;
    const WindowConfig* window = find_window(config_.windows, row.window);
    if (!window) return &counts.not_configured;
    if (!lies_inside(row, range_)) return &counts.partly_outside;
    if (row.incomplete) return &counts.incomplete;
    return groups_.is_done_with(row, *window, now_) ? nullptr : &counts.not_final;
  }

  [[nodiscard]] std::vector<const AggregateRow*> swallowed_by(const AggregateRow& row) const {
    const WindowConfig* window = find_window(config_.windows, row.window);
    return window->kind == WindowKind::session ? only_live_.inside(row) : std::vector<const AggregateRow*>{};
  }

  void retract(const AggregateRow& row, const ResultBook::Entry& by) {
    ++promotion_.counts.retracted;
    promotion_.messages.push_back(retraction(row, by));
    only_live_.remove(row);
  }

  const ResultBook& live_;
  const TimeRange range_;
  const Config& config_;
  const LiveGroups& groups_;
  const Timestamp now_;
  OnlyLive only_live_;
  Promotion promotion_;
};

}  // namespace

Microseconds promotion_margin(const std::vector<WindowConfig>& windows) {
  Microseconds margin{0};
  for (const WindowConfig& window : windows) margin = std::max({margin, window.size, window.gap});
  return margin;
}

std::map<std::string, Timestamp> needed_times(const ResultBook& replayed, const TimeRange& range,
                                              const Config& config) {
  std::map<std::string, Timestamp> needed;
  for (const auto& [id, result] : replayed.entries()) {
    const WindowConfig* window = find_window(config.windows, result.row.window);
    if (!window || !lies_inside(result.row, range)) continue;
    Timestamp& time = needed.try_emplace(LiveGroups::key_of(result.row), Timestamp::min()).first->second;
    time = std::max(time, LiveGroups::needed_by(result.row, *window, config.time));
  }
  return needed;
}

Promotion promote(const ResultBook& replayed, const ResultBook& live, const TimeRange& range,
                  const Config& config, const LiveGroups& groups, Timestamp now) {
  Promoter promoter(replayed, live, range, config, groups, now);
  for (const auto& [id, result] : replayed.entries()) {
    if (!result.row.retracted) promoter.add(result);
  }
  return promoter.finish();
}

}  // namespace lookout
