#include "common/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/config_input.h"
#include "common/config_kafka.h"
#include "common/duration.h"
#include "common/file.h"
#include "common/names.h"
#include "common/toml_reader.h"

namespace lookout {
namespace {

const std::vector<std::pair<std::string_view, GroupBy>> kGroupings{
    {"sensor", GroupBy::sensor}, {"region", GroupBy::region}, {"network", GroupBy::network}};

void read_box(TomlSection section, Config& config) {
  section.name("id", config.box_id);
  std::string state = config.state.string();
  section.text("state", state);
  config.state = state;
  section.choice<ClockSetting>("clock",
                               {{"auto", ClockSetting::automatic},
                                {"trusted", ClockSetting::trusted},
                                {"untrusted", ClockSetting::untrusted}},
                               config.clock);
  section.finish();
}

void read_mqtt(TomlSection section, MqttConfig& mqtt) {
  section.text("host", mqtt.host);
  section.integer("port", 1, 65535, [&](std::int64_t port) { mqtt.port = static_cast<std::uint16_t>(port); });
  section.text("username", mqtt.username);
  section.text("password_file", mqtt.password_file);
  section.text("ca_file", mqtt.ca_file);
  section.text("cert_file", mqtt.cert_file);
  section.text("key_file", mqtt.key_file);
  section.duration("keepalive", mqtt.keepalive);
  if (mqtt.keepalive < std::chrono::seconds{5} || mqtt.keepalive > std::chrono::hours{18}) {
    section.complain("keepalive", "accepted are \"5s\" to \"18h\"");
  }
  if (!mqtt.password_file.empty() && mqtt.username.empty()) {
    section.complain("password_file", "needs a username beside it");
  }
  if (mqtt.cert_file.empty() != mqtt.key_file.empty()) {
    section.complain("cert_file", "cert_file and key_file go together");
  }
  section.finish();
}

void read_time(TomlSection section, TimeConfig& time) {
  section.duration("lag", time.lag);
  section.duration("idle", time.idle);
  section.duration("allowed_lateness", time.allowed_lateness);
  section.duration("correction_interval", time.correction_interval);
  section.duration("max_future", time.max_future);
  section.duration("max_past", time.max_past);
  section.duration("identity_window", time.identity_window);
  if (time.idle < std::chrono::seconds{1}) section.complain("idle", "must be at least \"1s\"");
  if (time.correction_interval > std::chrono::hours{1}) {
    section.complain("correction_interval", "accepted are 0 to \"1h\": so long a correction is withheld");
  }
  section.finish();
}

constexpr Microseconds kShortestWindow = std::chrono::milliseconds{1};

// A tumbling window is a sliding one whose step is its size.
void read_aligned_window(TomlSection& section, WindowConfig& window) {
  section.require("size");
  section.duration("size", window.size);
  if (section.has("size") && window.size < kShortestWindow) section.complain("size", "must be at least 1ms");
  section.duration("offset", window.offset);
  if (window.offset >= window.size && window.offset.count() != 0) {
    section.complain("offset", fmt::format("must be less than size ({})", format_duration(window.size)));
  }
  window.step = window.size;
  if (window.kind != WindowKind::sliding) return section.refuse("step", "goes with kind = \"sliding\" only");
  section.require("step");
  section.duration("step", window.step);
  if (!section.has("step") || window.size < kShortestWindow) return;
  if (window.step > window.size) {
    section.complain("step", fmt::format("must not be longer than size ({}): readings between two windows "
                                         "would be in none",
                                         format_duration(window.size)));
  } else if (window.step < kShortestWindow || window.size % window.step != Microseconds{0}) {
    section.complain("step", fmt::format("must divide size ({}) without remainder, and be at least 1ms",
                                         format_duration(window.size)));
  }
}

void read_session_window(TomlSection& section, WindowConfig& window) {
  section.require("gap");
  section.duration("gap", window.gap);
  if (section.has("gap") && window.gap < kShortestWindow) {
    section.complain("gap", "must be at least 1ms: without it every reading would be a session of its own");
  }
  for (const char* key : {"size", "step", "offset"}) {
    section.refuse(key, "does not go with kind = \"session\": a session lasts as long as its readings");
  }
}

void read_window(TomlSection section, std::vector<WindowConfig>& windows) {
  WindowConfig window;
  window.by = {GroupBy::sensor, GroupBy::region, GroupBy::network};
  section.require("name");
  section.name("name", window.name);
  if (window.name == kDayWindow) section.complain("name", "'day' is the name of the bridge's daily summary");
  if (std::ranges::find(windows, window.name, &WindowConfig::name) != windows.end()) {
    section.complain("name", fmt::format("there are two windows named '{}'", window.name));
  }
  section.choice<WindowKind>("kind",
                             {{"tumbling", WindowKind::tumbling},
                              {"sliding", WindowKind::sliding},
                              {"session", WindowKind::session}},
                             window.kind);
  if (window.kind == WindowKind::session) {
    read_session_window(section, window);
  } else {
    read_aligned_window(section, window);
    section.refuse("gap", "goes with kind = \"session\" only");
  }
  section.optional_duration("lag", window.lag);
  section.optional_duration("allowed_lateness", window.allowed_lateness);
  section.optional_number("over", window.over);
  section.boolean("publish", window.publish);
  section.choices<GroupBy>("by", kGroupings, window.by);
  // Groups are visited in one order, whatever the order in which somebody named them.
  std::ranges::sort(window.by);
  window.by.erase(std::ranges::unique(window.by).begin(), window.by.end());
  section.names("metrics", window.metrics);
  window.place = section.place("name");
  section.finish();
  windows.push_back(std::move(window));
}

void read_rule(TomlSection section, std::vector<RuleConfig>& rules) {
  RuleConfig rule;
  section.require("name");
  section.name("name", rule.name);
  if (std::ranges::find(rules, rule.name, &RuleConfig::name) != rules.end()) {
    section.complain("name", fmt::format("there are two rules named '{}'", rule.name));
  }
  section.require("window");
  section.name("window", rule.window);
  section.choice<GroupBy>("by", kGroupings, rule.by);
  section.require("when");
  section.text("when", rule.when);
  section.name("severity", rule.severity);
  section.text("summary", rule.summary);
  section.text_map("labels", [&](const std::string& name, const std::string& value) {
    for (const std::string_view own : {"alertname", "severity", "network", "region", "sensor", "box"}) {
      if (name == own) section.complain("labels", fmt::format("'{}' is set by Lookout", name));
    }
    rule.labels[name] = value;
  });
  rule.when_place = section.place("when");
  rule.summary_place = section.place("summary");
  section.finish();
  rules.push_back(std::move(rule));
}

void read_journal(TomlSection section, JournalConfig& journal) {
  section.byte_size("limit", journal.limit);
  section.byte_size("segment", journal.segment);
  section.duration("sync_interval", journal.sync_interval);
  constexpr std::uint64_t kSmallest = std::uint64_t{1} << 20;
  if (journal.segment < kSmallest || journal.segment > kSmallest << 10) {
    section.complain("segment", "accepted are \"1 MiB\" to \"1 GiB\"");
  }
  if (journal.limit < 2 * journal.segment) section.complain("limit", "must hold at least two segments");
  if (journal.sync_interval < std::chrono::milliseconds{10} ||
      journal.sync_interval > std::chrono::hours{1}) {
    section.complain("sync_interval", "accepted are \"10ms\" to \"1h\"");
  }
  section.number("high", journal.high);
  section.number("low", journal.low);
  if (journal.high > 1 || journal.high <= journal.low)
    section.complain("high", "must be above low and at most 1: a share of limit");
  // The newest segment is never given up: what it alone can hold must lie below low.
  if (journal.low * static_cast<double>(journal.limit) < static_cast<double>(journal.segment))
    section.complain("low", "must leave room for a segment: a share of limit");
  section.finish();
}

void read_archive(TomlSection section, ArchiveConfig& archive) {
  section.duration("retention_age", archive.retention_age);
  if (archive.retention_age < std::chrono::hours{1})
    section.complain("retention_age", "accepted are \"1h\" and more");
  section.byte_size("retention_size", archive.retention_size);
  if (archive.retention_size < std::uint64_t{16} << 20)
    section.complain("retention_size", "accepted are \"16 MiB\" and more");
  section.boolean("evict_unforwarded", archive.evict_unforwarded);
  section.finish();
}

void read_limits(TomlSection section, LimitsConfig& limits) {
  section.byte_size("message_size", limits.message_size);
  if (limits.message_size < 64 || limits.message_size > std::uint64_t{256} << 10) {
    section.complain("message_size", "accepted are 64 bytes to \"256 KiB\"");
  }
  section.integer("max_series", 1, 100'000'000,
                  [&](std::int64_t count) { limits.max_series = static_cast<std::uint64_t>(count); });
  section.finish();
}

/// One file's worth of settings laid over `config`.
class FileReader {
 public:
  FileReader(const ConfigSources::File& source, Config& config, std::vector<Problem>& problems)
      : file_(source.name), config_(config), problems_(problems) {}

  void read(const std::string& text) {
    const toml::parse_result parsed = toml::parse(text, file_);
    if (!parsed) {
      const toml::parse_error& error = parsed.error();
      problems_.push_back(
          {{file_, static_cast<unsigned>(error.source().begin.line), {}}, std::string(error.description())});
      return;
    }
    root_ = &parsed.table();
    table("box", [&](TomlSection section) { read_box(std::move(section), config_); });
    table("mqtt", [&](TomlSection section) { read_mqtt(std::move(section), config_.mqtt); });
    list("input", [&](TomlSection section) { read_input(std::move(section), config_.inputs); });
    table("time", [&](TomlSection section) { read_time(std::move(section), config_.time); });
    list("window", [&](TomlSection section) { read_window(std::move(section), config_.windows); });
    list("rule", [&](TomlSection section) { read_rule(std::move(section), config_.rules); });
    table("journal", [&](TomlSection section) { read_journal(std::move(section), config_.journal); });
    table("archive", [&](TomlSection section) { read_archive(std::move(section), config_.archive); });
    table("kafka", [&](TomlSection section) { read_kafka(std::move(section), config_.kafka); });
    table("limits", [&](TomlSection section) { read_limits(std::move(section), config_.limits); });
    for (const auto& [key, node] : *root_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      complain(key.str(), node, fmt::format("is not a section: accepted are {}", fmt::join(known_, " ")));
    }
  }

 private:
  void complain(std::string_view key, const toml::node& node, std::string message) {
    problems_.push_back(
        {{file_, static_cast<unsigned>(node.source().begin.line), std::string(key)}, std::move(message)});
  }
  void table(const char* key, const std::function<void(TomlSection)>& read_section) {
    known_.emplace_back(key);
    const toml::node* node = root_->get(key);
    if (!node) return;
    if (!node->is_table()) return complain(key, *node, fmt::format("expected a table: [{}]", key));
    read_section(TomlSection(*node->as_table(), key, file_, problems_));
  }
  void list(const char* key, const std::function<void(TomlSection)>& read_section) {
    known_.emplace_back(key);
    const toml::node* node = root_->get(key);
    if (!node) return;
    if (!node->is_array_of_tables())
      return complain(key, *node, fmt::format("expected a list of tables: [[{}]]", key));
    for (const toml::node& element : *node->as_array()) {
      read_section(TomlSection(*element.as_table(), key, file_, problems_));
    }
  }

  std::string file_;
  Config& config_;
  std::vector<Problem>& problems_;
  const toml::table* root_ = nullptr;
  std::vector<std::string> known_;
};

// What two sections together make impossible.
void check_times(const Config& config, std::vector<Problem>& problems) {
  constexpr std::int64_t kMostHeld = 10'000;
  for (const WindowConfig& window : config.windows) {
    const auto complain = [&](const char* key, std::string message) {
      Place place = window.place;
      place.key = fmt::format("window.{}", key);
      problems.push_back({place, fmt::format("window '{}': {}", window.name, message)});
    };
    const Microseconds lateness = window.allowed_lateness.value_or(config.time.allowed_lateness);
    const Microseconds lag = window.lag.value_or(config.time.lag);
    if (lateness > config.time.max_past) {
      complain("allowed_lateness",
               fmt::format("{} is beyond time.max_past ({}), past which nothing is taken at all",
                           format_duration(lateness), format_duration(config.time.max_past)));
    }
    const bool is_session = window.kind == WindowKind::session;
    const Microseconds shortest = is_session ? window.gap : window.step;
    if (shortest < kShortestWindow) continue;  // a problem already
    // One more at either end is begun and not over.
    if (const auto held = (window.size + lag + lateness) / shortest + 2; held > kMostHeld) {
      const char* const key = is_session ? "gap" : "step";
      complain(key, fmt::format("a {} of {} may keep {} {} for each group until nothing may be late "
                                "any more; at most {}: a longer {} or a shorter allowed_lateness",
                                key, format_duration(shortest), held, is_session ? "sessions" : "panes",
                                kMostHeld, key));
    }
  }
}

void check_rules_fit_windows(const Config& config, std::vector<Problem>& problems) {
  for (const RuleConfig& rule : config.rules) {
    const auto window = std::ranges::find(config.windows, rule.window, &WindowConfig::name);
    Place place = rule.when_place;
    place.key = "rule.window";
    if (window == config.windows.end()) {
      std::vector<std::string> names;
      names.reserve(config.windows.size());
      for (const WindowConfig& known : config.windows) names.push_back(known.name);
      problems.push_back({place, fmt::format("rule '{}' names no window: '{}' is not one of: {}", rule.name,
                                             rule.window, fmt::join(names, " "))});
    } else if (std::ranges::find(window->by, rule.by) == window->by.end()) {
      problems.push_back(
          {place, fmt::format("rule '{}' is by {}, window '{}' is not", rule.name,
                              kGroupings[static_cast<std::size_t>(rule.by)].first, rule.window)});
    }
  }
}

}  // namespace

std::string Problem::text() const {
  return fmt::format("{}:{}: {}{}{}", place.file, place.line, place.key, place.key.empty() ? "" : ": ",
                     message);
}

double PerMetric::of(std::string_view metric) const {
  const auto own = by_metric.find(metric);
  return own == by_metric.end() ? all : own->second;
}

bool WindowConfig::covers(std::string_view metric) const {
  return metrics.empty() || std::ranges::find(metrics, metric) != metrics.end();
}

LoadedConfig load_config(const std::filesystem::path& file) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path() / "conf.d", error)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  files.insert(files.begin(), file);
  ConfigSources sources;
  std::vector<Problem> unreadable;
  for (const auto& each : files) {
    auto text = read_file(each);
    if (text) {
      sources.files.push_back({each.string(), std::move(*text)});
    } else {
      unreadable.push_back({{each.string(), 1, {}}, text.error()});
    }
  }
  LoadedConfig loaded = parse_config(std::move(sources));
  loaded.problems.insert(loaded.problems.begin(), unreadable.begin(), unreadable.end());
  return loaded;
}

LoadedConfig parse_config(ConfigSources sources) {
  LoadedConfig loaded;
  loaded.config.sources = std::move(sources);
  const auto& files = loaded.config.sources.files;
  for (const auto& each : files) FileReader(each, loaded.config, loaded.problems).read(each.text);
  if (loaded.config.inputs.empty() && !files.empty()) {
    loaded.problems.push_back(
        {{files.front().name, 1, "input"}, "there is no [[input]]: nothing would be subscribed"});
  }
  check_times(loaded.config, loaded.problems);
  check_rules_fit_windows(loaded.config, loaded.problems);
  return loaded;
}

}  // namespace lookout
