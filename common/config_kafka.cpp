#include "common/config_kafka.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lookout {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kLongestPrefix = 200, kLongestTopic = 249;

// What would break the promise to forward exactly once, or is said elsewhere.
constexpr std::array kOurs{"bootstrap.servers"sv,        "metadata.broker.list"sv,
                           "transactional.id"sv,         "enable.idempotence"sv,
                           "isolation.level"sv,          "acks"sv,
                           "request.required.acks"sv,    "plugin.library.paths"sv,
                           "allow.auto.create.topics"sv, "partitioner"sv,
                           "statistics.interval.ms"sv,   "enable.partition.eof"sv,
                           "enable.gapless.guarantee"sv};
constexpr std::array kSecrets{"sasl.password"sv,           "ssl.key.password"sv,
                              "ssl.keystore.password"sv,   "ssl.key.pem"sv,
                              "sasl.oauthbearer.config"sv, "sasl.oauthbearer.client.secret"sv};
constexpr std::string_view kInFile = "_file";

/// The secret of which this is the file, or nothing.
std::string_view secret_in_file(std::string_view name) {
  if (!name.ends_with(kInFile)) return {};
  name.remove_suffix(kInFile.size());
  return std::ranges::find(kSecrets, name) == kSecrets.end() ? std::string_view{} : name;
}

/// What is wrong with it, or empty.
std::string take_option(KafkaConfig& kafka, TomlSection::Setting setting) {
  if (std::ranges::find(kOurs, setting.name) != kOurs.end()) return "is set by the bridge itself";
  if (std::ranges::find(kSecrets, setting.name) != kSecrets.end())
    return fmt::format("is a secret: \"{}{}\" names the file that holds it", setting.name, kInFile);
  KafkaOption option{std::move(setting.name), std::move(setting.value), false, std::move(setting.place)};
  if (const std::string_view secret = secret_in_file(option.name); !secret.empty()) {
    option.name = std::string(secret);
    option.is_in_file = true;
  }
  // A later value wins.
  const auto known = std::ranges::find(kafka.options, option.name, &KafkaOption::name);
  if (known != kafka.options.end()) kafka.options.erase(known);
  kafka.options.push_back(std::move(option));
  return {};
}

bool is_topic_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

bool is_topic_name(std::string_view name) {
  return is_topic_text(name) && !name.empty() && name.size() <= kLongestTopic && name != "." && name != "..";
}

void read_kafka(TomlSection section, KafkaConfig& kafka) {
  section.text("brokers", kafka.brokers);
  section.choice<KafkaKey>("key", {{"sensor", KafkaKey::sensor}, {"region", KafkaKey::region}}, kafka.key);
  section.text("topics_prefix", kafka.topics_prefix);
  if (!is_topic_text(kafka.topics_prefix) || kafka.topics_prefix.size() > kLongestPrefix)
    section.complain("topics_prefix",
                     fmt::format("accepted are up to {} of A-Z a-z 0-9 . _ -", kLongestPrefix));
  section.settings("options",
                   [&](TomlSection::Setting setting) { return take_option(kafka, std::move(setting)); });
  section.finish();
}

}  // namespace lookout
