#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/timestamp.h"
#include "common/topic_pattern.h"

namespace lookout {

/// Where a setting stands, for errors that are found after reading.
struct Place {
  std::string file;
  unsigned line = 0;
  std::string key;
};

/// One thing that is wrong with the configuration; `message` says what would be accepted.
struct Problem {
  Place place;
  std::string message;
  [[nodiscard]] std::string text() const;  ///< "lookout.toml:12: window.size: ..."
};

struct MqttConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string username;
  std::string password_file;
  std::string ca_file, cert_file, key_file;  ///< ca_file set means TLS
  Microseconds keepalive = std::chrono::seconds{60};
};

enum class CodecKind { lookout, flat, number };

/// A number for every metric, or one of its own for some.
struct PerMetric {
  double all;
  std::map<std::string, double, std::less<>> by_metric;
  [[nodiscard]] double of(std::string_view metric) const;
};

struct InputConfig {
  TopicPattern topic;
  CodecKind codec = CodecKind::lookout;
  std::vector<std::pair<std::string, std::string>> metrics;  ///< metric -> field of the payload (codec flat)
  PerMetric scale{.all = 1, .by_metric = {}};                ///< value = raw * scale + offset
  PerMetric offset{.all = 0, .by_metric = {}};
  std::map<std::string, std::string, std::less<>> units;  ///< metric -> unit, where the payload names none
};

struct TimeConfig {
  Microseconds lag = std::chrono::seconds{60};
  Microseconds max_future = std::chrono::seconds{60};
  Microseconds max_past = std::chrono::days{7};
  Microseconds identity_window = std::chrono::hours{24};
};

/// What is aggregated together, in the order in which groups are visited.
enum class GroupBy : std::uint8_t { sensor, region, network };

struct WindowConfig {
  std::string name;
  Microseconds size{};
  Microseconds offset{};
  std::optional<Microseconds> lag;  ///< nothing: [time] lag
  std::vector<GroupBy> by;
  std::vector<std::string> metrics;  ///< empty: all
  [[nodiscard]] bool covers(std::string_view metric) const;
};

struct RuleConfig {
  std::string name, window, when, severity = "warning", summary;
  GroupBy by = GroupBy::region;
  std::map<std::string, std::string> labels;
  Place when_place, summary_place;
};

struct JournalConfig {
  std::uint64_t limit = std::uint64_t{1} << 30;
  std::uint64_t segment = std::uint64_t{16} << 20;
  Microseconds sync_interval = std::chrono::milliseconds{200};
};

struct LimitsConfig {
  std::uint64_t message_size = std::uint64_t{64} << 10;
  std::uint64_t max_series = 200'000;
};

/// Everything in lookout.toml, shared by gateway and bridge. Defaults are those of the README.
struct Config {
  std::string box_id;  ///< empty: made once and kept in the state folder
  std::filesystem::path state = "/var/lib/lookout";
  MqttConfig mqtt;
  std::vector<InputConfig> inputs;
  TimeConfig time;
  std::vector<WindowConfig> windows;
  std::vector<RuleConfig> rules;
  JournalConfig journal;
  LimitsConfig limits;
};

/// What could be read, and everything that is wrong with it.
struct LoadedConfig {
  Config config;
  std::vector<Problem> problems;  ///< empty: the configuration is good
};

/// Reads `file` and then `conf.d/*.toml` beside it in lexical order: a later value wins, tables in lists add
/// up.
LoadedConfig load_config(const std::filesystem::path& file);

}  // namespace lookout
