#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config_sources.h"
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

enum class CodecKind { lookout, flat, number, json };

/// How a time is written in a payload (codec json).
enum class TimeFormat : std::uint8_t { seconds, milliseconds, microseconds, rfc3339 };

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

  // Codec json: where in the payload, as well-formed JSON pointers (RFC 6901).
  std::vector<std::pair<std::string, std::string>> values;  ///< metric -> pointer
  std::optional<std::string> time, seq;
  TimeFormat time_format = TimeFormat::rfc3339;
  std::vector<std::string> identity;  ///< empty: the usual rule
};

struct TimeConfig {
  Microseconds lag = std::chrono::seconds{60};
  Microseconds idle = std::chrono::seconds{90};
  Microseconds allowed_lateness = std::chrono::minutes{10};
  Microseconds correction_interval = std::chrono::seconds{1};
  Microseconds max_future = std::chrono::seconds{60};
  Microseconds max_past = std::chrono::days{7};
  Microseconds identity_window = std::chrono::hours{24};
};

/// What is aggregated together, in the order in which groups are visited.
enum class GroupBy : std::uint8_t { sensor, region, network };

enum class WindowKind : std::uint8_t { tumbling, sliding, session };

struct WindowConfig {
  std::string name;
  WindowKind kind = WindowKind::tumbling;
  Microseconds size{};                           ///< tumbling and sliding
  Microseconds step{};                           ///< divides size; a tumbling window's is its size
  Microseconds gap{};                            ///< session
  Microseconds offset{};                         ///< of the alignment to the epoch; tumbling and sliding
  std::optional<Microseconds> lag;               ///< nothing: [time] lag
  std::optional<Microseconds> allowed_lateness;  ///< nothing: [time] allowed_lateness
  std::vector<GroupBy> by;
  std::vector<std::string> metrics;  ///< empty: all
  std::optional<double> over;        ///< readings above it are counted
  bool publish = true;               ///< false: only rules see its results
  Place place;
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
  double high = 0.9, low = 0.7;  ///< shares of limit at which the subscription is left and taken up again
};

/// How long the bridge's archive keeps what it holds.
struct ArchiveConfig {
  Microseconds retention_age = std::chrono::days{90};
  std::uint64_t retention_size = std::uint64_t{16} << 30;
  bool evict_unforwarded = false;  ///< also what the forwarder has not taken yet
};

/// What keeps its order in Kafka: records of one key stay in order.
enum class KafkaKey : std::uint8_t { sensor, region };

/// A setting of librdkafka, handed on as it is.
struct KafkaOption {
  std::string name, value;
  bool is_in_file = false;  ///< a secret: `value` is the path of the file that holds it
  Place place;
};

/// Where the bridge forwards the archive to.
struct KafkaConfig {
  std::string brokers;  ///< "host:port,host:port"; empty: nowhere
  KafkaKey key = KafkaKey::sensor;
  std::string topics_prefix = "lookout.";
  std::vector<KafkaOption> options;
};

struct LimitsConfig {
  std::uint64_t message_size = std::uint64_t{64} << 10;
  std::uint64_t max_series = 200'000;
};

/// Whether the wall clock is believed: as the kernel says, always, or never.
enum class ClockSetting : std::uint8_t { automatic, trusted, untrusted };

/// Everything in lookout.toml, shared by gateway and bridge. Defaults are those of the README.
struct Config {
  std::string box_id;  ///< empty: made once and kept in the state folder
  std::filesystem::path state = "/var/lib/lookout";
  ClockSetting clock = ClockSetting::automatic;
  MqttConfig mqtt;
  std::vector<InputConfig> inputs;
  TimeConfig time;
  std::vector<WindowConfig> windows;
  std::vector<RuleConfig> rules;
  JournalConfig journal;
  ArchiveConfig archive;
  KafkaConfig kafka;
  LimitsConfig limits;
  ConfigSources sources;
};

/// What could be read, and everything that is wrong with it.
struct LoadedConfig {
  Config config;
  std::vector<Problem> problems;  ///< empty: the configuration is good
};

/// Reads `file` and then `conf.d/*.toml` beside it in lexical order: a later value wins, tables in lists add
/// up.
LoadedConfig load_config(const std::filesystem::path& file);
/// The same of texts that were read before.
LoadedConfig parse_config(ConfigSources sources);

}  // namespace lookout
