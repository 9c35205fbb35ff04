#include "bridge/kafka/kafka_cursor.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/identity.h"

namespace lookout {
namespace {

constexpr const char* kCopy = "kafka-cursor.json";
constexpr std::string_view kJobs = "forward/";
constexpr int kHexadecimal = 16;

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

std::optional<std::uint64_t> parse_epoch(const nlohmann::json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : std::string{};
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch, kHexadecimal);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return epoch;
}

std::optional<std::vector<EpochFrom>> parse_epochs(const nlohmann::json& list) {
  std::vector<EpochFrom> epochs;
  for (const auto& entry : list) {
    if (!entry.is_object() || !entry.value("from", nlohmann::json{}).is_number_unsigned())
      return std::nullopt;
    const auto epoch = parse_epoch(entry.value("epoch", nlohmann::json{}));
    if (!epoch) return std::nullopt;
    epochs.push_back({entry["from"].get<std::uint64_t>(), *epoch});
  }
  return epochs;
}

nlohmann::ordered_json object_of(const KafkaCursor& cursor) {
  nlohmann::ordered_json object{{"epoch", hex(cursor.epoch)}, {"begin", cursor.begin},
                                {"offset", cursor.offset},    {"messages", cursor.messages},
                                {"records", cursor.records},  {"evicted", cursor.evicted},
                                {"lost", cursor.lost},        {"done", cursor.done}};
  if (!cursor.last.empty()) object["last"] = cursor.last;
  for (const EpochFrom& later : cursor.epochs)
    object["epochs"].push_back({{"from", later.offset}, {"epoch", hex(later.epoch)}});
  return object;
}

}  // namespace

std::string to_json(const KafkaCursor& cursor) { return object_of(cursor).dump(); }

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
  if (const auto last = object.find("last"); last != object.end() && last->is_string())
    cursor.last = last->get<std::string>();
  auto epochs = parse_epochs(object.value("epochs", nlohmann::json::array()));
  if (!epochs) return wrong();
  cursor.epochs = std::move(*epochs);
  return cursor;
}

std::string cursor_prefix(std::string_view box) { return fmt::format("{}/", box); }
std::string cursor_key(std::string_view box, std::uint64_t epoch) { return cursor_prefix(box) + hex(epoch); }
std::string job_key(std::string_view box, std::uint64_t epoch, std::string_view job) {
  return fmt::format("{}/{}{}", cursor_key(box, epoch), kJobs, job);
}

// {box}/{epoch}/forward/...: what stands behind may be anybody's name.
bool is_job_key(std::string_view key) {
  for (int level = 0; level < 2; ++level) {
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return false;
    key.remove_prefix(slash + 1);
  }
  return key.starts_with(kJobs);
}

std::string fingerprint(const ArchivedMessage& message) {
  const Identity hash = hash_text(
      fmt::format("{}\n{}\n{}", message.arrival.time_since_epoch().count(), message.topic, message.payload));
  return hex(hash.high) + hex(hash.low);
}

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

std::optional<CursorCopy> load_cursor_copy(const std::filesystem::path& folder) {
  const auto text = read_file(folder / kCopy);
  if (!text) return std::nullopt;
  const auto cursor = parse_cursor(*text);
  if (!cursor) return std::nullopt;
  CursorCopy copy{.cursor = *cursor};
  const auto object = nlohmann::json::parse(*text, nullptr, false);
  if (const auto cluster = object.find("cluster"); cluster != object.end() && cluster->is_string())
    copy.cluster = cluster->get<std::string>();
  if (const auto from = object.find("unheard_from"); from != object.end() && from->is_number_unsigned())
    copy.unheard_from = from->get<std::uint64_t>();
  return copy;
}

Result<void> save_cursor_copy(const std::filesystem::path& folder, const CursorCopy& copy, bool durable) {
  auto object = object_of(copy.cursor);
  if (!copy.cluster.empty()) object["cluster"] = copy.cluster;
  if (copy.unheard_from) object["unheard_from"] = *copy.unheard_from;
  return replace_or_write_over(folder / kCopy, object.dump() + '\n', durable);
}

}  // namespace lookout
