#include "tests/support/ledger_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <ostream>
#include <set>
#include <sstream>

namespace lookout::test {
namespace {

using nlohmann::json;

constexpr std::size_t kShown = 5;
constexpr double kSumTolerance = 1e-9;  // what the gateway promises across orders of arrival

std::string rfc3339(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm fields{};
  ::gmtime_r(&time, &fields);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &fields);
  return text;
}

// The ledger's lines all look the same; a JSON parser would take most of a test's time.
std::string_view field(std::string_view line, std::string_view name) {
  const auto key = line.find(fmt::format("\"{}\":", name));
  if (key == std::string_view::npos) throw std::runtime_error("ledger: no " + std::string(name));
  auto begin = key + name.size() + 3;
  const bool text = line[begin] == '"';
  if (text) ++begin;
  return line.substr(begin, line.find_first_of(text ? "\"" : ",}", begin) - begin);
}

LedgerEntry parse_entry(std::string_view line) {
  const auto text = [&](std::string_view name) { return std::string(field(line, name)); };
  return {text("network"),
          text("region"),
          text("sensor"),
          text("metric"),
          epoch_of(text("event_time")),
          std::stod(text("value")),
          std::stoll(text("seq"))};
}

bool same(const Batch::Figures& expected, const json& result) {
  const auto sum = static_cast<double>(expected.sum);
  const auto close_to = [](const json& figure, double wanted) {
    return std::abs(figure.get<double>() - wanted) <= kSumTolerance * std::max(1.0, std::abs(wanted));
  };
  return result["count"] == expected.count && result["sensors"] == expected.sensors.size() &&
         result["min"] == expected.min && result["max"] == expected.max && close_to(result["sum"], sum) &&
         close_to(result["mean"], sum / static_cast<double>(expected.count));
}

std::vector<std::string> split(const std::string& topic) {
  std::vector<std::string> levels;
  std::istringstream in(topic);
  for (std::string level; std::getline(in, level, '/');) levels.push_back(level);
  return levels;
}

bool is_of(const std::string& id, const std::string& window) {
  return id.find('/' + window + '/') != std::string::npos;
}

void print(std::ostream& out, const char* what, const std::vector<std::string>& list) {
  if (list.empty()) return;
  out << "\n  " << list.size() << ' ' << what << ':';
  for (std::size_t i = 0; i < std::min(kShown, list.size()); ++i) out << "\n    " << list[i];
}

}  // namespace

void Batch::add(const LedgerEntry& reading) {
  ++readings_;
  for (const WindowShape& window : windows_) {
    if (window.by_sensor) add_to(window, reading.region + '/' + reading.sensor, reading);
    if (window.by_region) add_to(window, reading.region, reading);
  }
}

void Batch::add_to(const WindowShape& window, const std::string& group, const LedgerEntry& reading) {
  const auto second = static_cast<std::int64_t>(std::floor(reading.event_time));
  const std::int64_t into = ((second % window.size_s) + window.size_s) % window.size_s;
  Figures& figures = results_[fmt::format("{}/{}/{}/{}/{}", reading.network, window.name, group,
                                          reading.metric, rfc3339(second - into))];
  figures.min = figures.count == 0 ? reading.value : std::min(figures.min, reading.value);
  figures.max = figures.count == 0 ? reading.value : std::max(figures.max, reading.value);
  figures.first_seq = figures.count == 0 ? reading.seq : std::min(figures.first_seq, reading.seq);
  figures.last_seq = figures.count == 0 ? reading.seq : std::max(figures.last_seq, reading.seq);
  figures.sensors.insert(reading.sensor);
  ++figures.count;
  figures.sum += reading.value;
}

std::uint64_t Batch::seq_gaps(const std::string& window) const {
  std::uint64_t gaps = 0;
  for (const auto& [id, figures] : results_) {
    if (is_of(id, window))
      gaps += static_cast<std::uint64_t>(figures.last_seq - figures.first_seq) + 1 - figures.count;
  }
  return gaps;
}

std::int64_t Batch::size_of(const std::string& window) const {
  return std::ranges::find(windows_, window, &WindowShape::name)->size_s;
}

void Batch::add_ledger(const std::filesystem::path& file,
                       const std::function<bool(const LedgerEntry&)>& keep) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const LedgerEntry entry = parse_entry(line);
    if (keep(entry)) add(entry);
  }
}

void Outputs::take(Observer& observer) {
  observer.drain([&](const Observer::Seen& seen) {
    if (seen.topic.starts_with("lookout/gateway/") && seen.topic.ends_with("/stats")) {
      stats_ = json::parse(seen.payload);
      ++stats_seen_;
    }
    if (!seen.topic.starts_with("aggregates/") && !seen.topic.starts_with("alerts/")) return;
    json payload = json::parse(seen.payload);
    take_revision(payload, seen);
    if (seen.topic.starts_with("alerts/") && !seen.retained) take_alert(payload, std::string(seen.topic));
    if (seen.topic.starts_with("aggregates/")) take_aggregate(std::move(payload));
  });
}

void Outputs::take_revision(const json& payload, const Observer::Seen& seen) {
  ++messages_;
  const std::string name =
      fmt::format("{} {}", payload["id"].get<std::string>(), payload["revision"].get<std::uint64_t>());
  const std::size_t content = std::hash<std::string_view>{}(seen.payload);
  const auto [known, is_new] = contents_.emplace(name, content);
  if (!is_new && known->second != content) two_contents_.push_back(name);
  if (is_new && payload.contains("state"))
    alert_states_.push_back(fmt::format("{} {} {}", payload["state"].get<std::string>(),
                                        payload["revision"].get<std::uint64_t>(), seen.topic));
}

void Outputs::take_repeats(Observer& observer) {
  const auto known = gone_back_.size();
  take(observer);
  gone_back_.resize(known);
}

void Outputs::take_alert(const json& payload, const std::string& topic) {
  const std::pair<std::string, std::uint64_t> told{payload["id"], payload["revision"]};
  const auto text = [](const auto& alert) { return fmt::format("{} {}", alert.first, alert.second); };
  auto& newest = newest_[topic];
  if (told < newest) return gone_back_.push_back(text(newest) + " to " + text(told));
  newest = told;
  std::string state = fmt::format("{} {}", payload["state"].get<std::string>(), told.first);
  auto& states = alerts_[topic];
  if (states.empty() || states.back() != state) states.push_back(std::move(state));
}

void Outputs::take_aggregate(json payload) {
  const auto counts = [&](const json& result) {
    return result["window"] == counted_ ? result["count"].get<std::uint64_t>() : 0;
  };
  const std::string id = payload["id"];
  const auto known = results_.find(id);
  if (known == results_.end()) {
    readings_ += counts(payload);
    results_.emplace(id, std::move(payload));
  } else if (known->second["revision"] < payload["revision"]) {
    readings_ += counts(payload) - counts(known->second);
    known->second = std::move(payload);
  }
}

std::uint64_t Outputs::seq_gaps() const {
  std::uint64_t gaps = 0;
  for (const auto& [id, result] : results_) {
    if (result["window"] == counted_) gaps += result["seq_gaps"].get<std::uint64_t>();
  }
  return gaps;
}

bool LedgerReport::whole() const {
  return lost == 0 && doubled == 0 && missing == 0 && differing.empty() && two_contents.empty() &&
         gone_back.empty() && wrong_alerts.empty() && incomplete.empty();
}

std::uint64_t LedgerReport::accepted() const {
  return books.is_object() ? books["accepted"].get<std::uint64_t>() : 0;
}

bool LedgerReport::books_balance() const {
  if (!books.is_object()) return false;
  std::uint64_t sum =
      accepted() + books["duplicate"].get<std::uint64_t>() + books["late"].get<std::uint64_t>();
  for (const auto& [reason, count] : books["rejected"].items()) sum += count.get<std::uint64_t>();
  return books["received"] == sum;
}

std::ostream& operator<<(std::ostream& out, const LedgerReport& report) {
  out << fmt::format(
      "{} readings in {} windows; {} results seen; lost {}, doubled {}, windows missing {}, differing {}, "
      "with two "
      "contents {}, gone back {}, wrong alerts {}; books {}",
      report.readings, report.results, report.messages, report.lost, report.doubled, report.missing,
      report.differing.size(), report.two_contents.size(), report.gone_back.size(),
      report.wrong_alerts.size(), report.books.dump());
  print(out, "differing", report.differing);
  print(out, "incomplete", report.incomplete);
  print(out, "with two contents", report.two_contents);
  print(out, "gone back", report.gone_back);
  print(out, "wrong alerts", report.wrong_alerts);
  return out;
}

namespace {

using Changes = std::map<std::string, std::vector<std::string>>;

// Of each topic, in the order of the windows: an alert has the name of the end of the window that raised it.
Changes expected_changes(const Batch& batch, const MeanRule& rule) {
  std::map<std::string, std::map<std::int64_t, bool>> windows;  // by topic and end
  for (const auto& [id, figures] : batch.results()) {
    const auto parts = split(id);  // network, window, region, metric, start
    if (parts.size() != 5 || parts[1] != rule.window || parts[3] != rule.metric) continue;
    const auto mean = figures.sum / static_cast<long double>(figures.count);
    const auto end = static_cast<std::int64_t>(epoch_of(parts[4])) + batch.size_of(rule.window);
    windows[fmt::format("alerts/{}/{}/{}", parts[0], rule.name, parts[2])][end] = mean > rule.above;
  }
  Changes changes;
  for (const auto& [topic, ends] : windows) {
    std::string firing;
    for (const auto& [end, holds] : ends) {
      if (holds != firing.empty()) continue;
      const auto parts = split(topic);
      if (holds) firing = fmt::format("{}/{}/{}/{}", rule.name, parts[1], parts[3], rfc3339(end));
      changes[topic].push_back((holds ? "firing " : "resolved ") + firing);
      if (!holds) firing.clear();
    }
  }
  return changes;
}

}  // namespace

void check_alerts(const Batch& batch, const Outputs& outputs, const MeanRule& rule, LedgerReport& report) {
  if (!report.books.is_object() || report.books["corrected"] != 0) return;
  const Changes expected = expected_changes(batch, rule);
  const auto of = [](const Changes& changes, const std::string& topic) {
    const auto found = changes.find(topic);
    return found == changes.end() ? std::vector<std::string>{} : found->second;
  };
  std::set<std::string> topics;
  for (const Changes* changes : {&expected, &outputs.alerts()}) {
    for (const auto& [topic, states] : *changes) {
      if (topic.find('/' + rule.name + '/') != std::string::npos) topics.insert(topic);
    }
  }
  for (const std::string& topic : topics) {
    const auto wanted = of(expected, topic), shown = of(outputs.alerts(), topic);
    if (wanted == shown) continue;
    report.wrong_alerts.push_back(
        fmt::format("{} expected {}, got {}", topic, fmt::join(wanted, ", "), fmt::join(shown, ", ")));
  }
}

LedgerReport compare(const Batch& batch, const Outputs& outputs, const std::string& counted_window,
                     const std::function<bool(const std::string&)>& keep) {
  LedgerReport report;
  report.readings = batch.readings();
  report.results = batch.results().size();
  report.messages = outputs.messages();
  report.two_contents = outputs.two_contents();
  report.gone_back = outputs.gone_back();
  if (outputs.stats().is_object()) report.books = outputs.stats()["books"];
  for (const auto& [id, expected] : batch.results()) {
    const auto found = outputs.results().find(id);
    const std::uint64_t got =
        found == outputs.results().end() ? 0 : found->second["count"].get<std::uint64_t>();
    if (is_of(id, counted_window)) {
      report.lost += expected.count > got ? expected.count - got : 0;
      report.doubled += got > expected.count ? got - expected.count : 0;
    }
    if (found == outputs.results().end()) {
      ++report.missing;
    } else if (!same(expected, found->second)) {
      report.differing.push_back(fmt::format("{} expected count {} sum {} min {} max {}, got {}", id,
                                             expected.count, static_cast<double>(expected.sum), expected.min,
                                             expected.max, found->second.dump()));
    }
  }
  for (const auto& [id, result] : outputs.results()) {
    if (result.value("incomplete", false)) report.incomplete.push_back(id);
    // Where midnight is near, the bridge sums up a day meanwhile: no window of the batch's.
    if (!keep(id) || is_of(id, "day") || batch.results().contains(id)) continue;
    report.differing.push_back(id + " was not expected: " + result.dump());
    if (is_of(id, counted_window)) report.doubled += result["count"].get<std::uint64_t>();
  }
  return report;
}

}  // namespace lookout::test
