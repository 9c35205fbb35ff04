#include "bridge/kafka/kafka_cursor.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/file.h"

namespace lookout {
namespace {

constexpr const char* kCopy = "kafka-cursor.json";
constexpr std::string_view kJobs = "/forward/";
constexpr int kHexadecimal = 16;

std::optional<std::uint64_t> parse_epoch(const nlohmann::json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : std::string{};
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch, kHexadecimal);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return epoch;
}

}  // namespace

std::string to_json(const KafkaCursor& cursor) {
  return nlohmann::ordered_json{{"epoch", fmt::format("{:016x}", cursor.epoch)},
                                {"begin", cursor.begin},
                                {"offset", cursor.offset},
                                {"messages", cursor.messages},
                                {"records", cursor.records},
                                {"evicted", cursor.evicted},
                                {"lost", cursor.lost},
                                {"done", cursor.done}}
      .dump();
}

Result<KafkaCursor> parse_cursor(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, false);
  const auto wrong = [&] { return Failure(fmt::format("not a cursor: {}", json.substr(0, 200))); };
  if (!object.is_object()) return wrong();
  KafkaCursor cursor;
  const auto epoch = parse_epoch(object.value("epoch", nlohmann::json{}));
  if (!epoch) return wrong();
  cursor.epoch = *epoch;
  for (const auto& [name, number] : {std::pair{"begin", &cursor.begin},
                                     {"offset", &cursor.offset},
                                     {"messages", &cursor.messages},
                                     {"records", &cursor.records},
                                     {"evicted", &cursor.evicted},
                                     {"lost", &cursor.lost}}) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_unsigned()) return wrong();
    *number = found->get<std::uint64_t>();
  }
  cursor.done = object.value("done", nlohmann::json{}) == true;
  return cursor;
}

std::string cursor_prefix(std::string_view box) { return fmt::format("{}/", box); }
std::string cursor_key(std::string_view box, std::uint64_t epoch) {
  return fmt::format("{}{:016x}", cursor_prefix(box), epoch);
}
std::string job_key(std::string_view box, std::uint64_t epoch, std::string_view job) {
  return fmt::format("{}{}{}", cursor_key(box, epoch), kJobs, job);
}
bool is_job_key(std::string_view key) { return key.find(kJobs) != std::string_view::npos; }
std::string alert_key(std::string_view cursor_key, std::string_view topic) {
  return fmt::format("{}/alert/{}", cursor_key, topic);
}

std::string to_json(const std::vector<ForwardedAlert>& of_topic) {
  auto list = nlohmann::ordered_json::array();
  for (const ForwardedAlert& alert : of_topic)
    list.push_back({{"id", alert.id}, {"revision", alert.revision}});
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ForwardedAlerts alerts_in(const KafkaCursors& cursors, std::string_view cursor_key) {
  ForwardedAlerts alerts;
  const std::string prefix = alert_key(cursor_key, "");
  for (auto entry = cursors.lower_bound(prefix); entry != cursors.end() && entry->first.starts_with(prefix);
       ++entry) {
    const auto list = nlohmann::json::parse(entry->second, nullptr, false);
    if (!list.is_array()) continue;
    auto& of_topic = alerts[entry->first.substr(prefix.size())];
    for (const auto& alert : list) {
      if (alert.is_object() && alert.contains("id") && alert["id"].is_string() &&
          alert.contains("revision") && alert["revision"].is_number_integer())
        of_topic.push_back({alert["id"].get<std::string>(), alert["revision"].get<std::int64_t>()});
    }
  }
  return alerts;
}

std::optional<KafkaCursor> load_cursor_copy(const std::filesystem::path& folder) {
  const auto text = read_file(folder / kCopy);
  if (!text) return std::nullopt;
  const auto cursor = parse_cursor(*text);
  return cursor ? std::optional(*cursor) : std::nullopt;
}

Result<void> save_cursor_copy(const std::filesystem::path& folder, const KafkaCursor& cursor) {
  return replace_file(folder / kCopy, to_json(cursor) + '\n', false);
}

}  // namespace lookout
