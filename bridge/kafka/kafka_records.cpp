#include "bridge/kafka/kafka_records.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/identity.h"

namespace lookout {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFieldsOfReading = 11;
constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

std::string hex(const Identity& identity) {
  return fmt::format(FMT_COMPILE("{:016x}{:016x}"), identity.high, identity.low);
}

std::string_view behind_first_level(std::string_view topic) {
  const std::size_t slash = topic.find('/');
  return slash == std::string_view::npos ? std::string_view{} : topic.substr(slash + 1);
}

/// An object, or nothing.
std::optional<Json> parse_object(std::string_view payload) {
  auto parsed = Json::parse(payload, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// False: it was forwarded before.
bool remember(std::vector<ForwardedAlert>& of_topic, const ForwardedAlert& told) {
  const auto known = std::ranges::find(of_topic, told.id, &ForwardedAlert::id);
  if (known != of_topic.end()) {
    if (known->revision >= told.revision) return false;
    of_topic.erase(known);
  }
  of_topic.push_back(told);
  if (of_topic.size() > kAlertsOfTopic) of_topic.erase(of_topic.begin());
  return true;
}

std::string id_of(const ArchivedReading& reading) {
  if (reading.identity) return hex(*reading.identity);
  const Identity series = hash_series(reading.network, reading.region, reading.sensor, reading.metric);
  const auto time = reading.time_is_arrival ? std::nullopt : std::optional(reading.event_time);
  const auto identity = identify(series, time, reading.value, reading.seq, reading.boot);
  return identity ? hex(*identity) : std::string{};
}

std::string value_of(const ArchivedMessage& message, const ArchivedReading& reading) {
  // Field by field: a list of them in braces becomes a tree of arrays first, at twice the price.
  Json value = Json::object();
  value.get_ref<Json::object_t&>().reserve(kFieldsOfReading);
  value["network"] = reading.network;
  value["region"] = reading.region;
  value["sensor"] = reading.sensor;
  value["metric"] = reading.metric;
  value["event_time"] = to_rfc3339(reading.event_time);
  if (reading.time_is_arrival) value["time_is_arrival"] = true;
  value["value"] = reading.value;
  if (!reading.unit.empty()) value["unit"] = reading.unit;
  if (reading.seq) value["seq"] = *reading.seq;
  if (!reading.boot.empty()) value["boot"] = reading.boot;
  value["arrival"] = to_rfc3339(message.arrival);
  return value.dump(-1, ' ', false, kReplace);
}

}  // namespace

RecordMaker::RecordMaker(const Config& config, std::string_view box, std::uint64_t epoch)
    : key_(config.kafka.key), inputs_(config.inputs), epoch_(epoch), box_(box) {}

std::uint64_t RecordMaker::epoch_of(std::uint64_t offset) const {
  const auto behind = std::ranges::upper_bound(later_, offset, {}, &EpochFrom::offset);
  return behind == later_.begin() ? epoch_ : std::prev(behind)->epoch;
}

std::string RecordMaker::key_of(std::string_view network, std::string_view region,
                                std::string_view sensor) const {
  return key_ == KafkaKey::region ? fmt::format(FMT_COMPILE("{}/{}"), network, region)
                                  : fmt::format(FMT_COMPILE("{}/{}/{}"), network, region, sensor);
}

// A group is `_all`, a region, or region/sensor.
std::string RecordMaker::key_of_group(std::string_view network, std::string_view group) const {
  return fmt::format("{}/{}", network, key_ == KafkaKey::region ? group.substr(0, group.find('/')) : group);
}

void RecordMaker::add(const ArchivedMessage& message, ForwardedAlerts& alerts,
                      std::vector<ForwardRecord>& records) const {
  for (const ArchivedReading& reading : message.readings) add_reading(message, reading, records);
  if (message.aggregate) add_aggregate(message, records);
  if (message.topic.starts_with("alerts/")) add_alert(message, alerts, records);
  if (message.topic.starts_with("late/")) add_late(message, records);
}

void RecordMaker::add_reading(const ArchivedMessage& message, const ArchivedReading& reading,
                              std::vector<ForwardRecord>& records) const {
  ForwardRecord record{.topic = KafkaTopic::readings,
                       .type = "lookout.reading",
                       .key = key_of(reading.network, reading.region, reading.sensor),
                       .value = value_of(message, reading),
                       .id = id_of(reading),
                       .time = reading.event_time,
                       .epoch = epoch_of(message.offset),
                       .offset = message.offset,
                       .part = reading.part};
  if (record.id.empty()) record.id = fmt::format("{:016x}/{}/{}", record.epoch, message.offset, reading.part);
  records.push_back(std::move(record));
}

void RecordMaker::add_aggregate(const ArchivedMessage& message, std::vector<ForwardRecord>& records) const {
  const AggregateRow& aggregate = *message.aggregate;
  records.push_back({.topic = KafkaTopic::aggregates,
                     .type = "lookout.aggregate",
                     .key = key_of_group(aggregate.network, aggregate.group),
                     .value = message.payload,
                     .id = fmt::format("{}/{}", aggregate.id, aggregate.revision),
                     .time = aggregate.end,
                     .epoch = epoch_of(message.offset),
                     .offset = message.offset});
}

void RecordMaker::add_alert(const ArchivedMessage& message, ForwardedAlerts& alerts,
                            std::vector<ForwardRecord>& records) const {
  const auto alert = parse_object(message.payload);
  if (!alert) return;
  const ForwardedAlert told{text_at(*alert, "id"), alert->value("revision", Json{}).is_number_integer()
                                                       ? (*alert)["revision"].get<std::int64_t>()
                                                       : -1};
  if (told.id.empty() || told.revision < 0) return;
  // alerts/{network}/{rule}/{group}
  const std::string_view names = behind_first_level(message.topic);
  const std::string_view network = names.substr(0, names.find('/'));
  const std::string_view group = behind_first_level(behind_first_level(names));
  if (group.empty()) return;
  if (!remember(alerts[message.topic], told)) return;
  records.push_back({.topic = KafkaTopic::alerts,
                     .type = "lookout.alert",
                     .key = key_of_group(network, group),
                     .value = message.payload,
                     .id = fmt::format("{}/{}", told.id, told.revision),
                     .time = message.arrival,
                     .epoch = epoch_of(message.offset),
                     .offset = message.offset});
}

void RecordMaker::add_late(const ArchivedMessage& message, std::vector<ForwardRecord>& records) const {
  const auto late = parse_object(message.payload);
  const std::string_view topic = behind_first_level(message.topic);
  if (!late || text_at(*late, "reason").empty()) return;
  TopicNames names;
  for (const InputConfig& input : inputs_) {
    if (const auto match = input.topic.match(topic)) {
      names = *match;
      break;
    }
  }
  Json value{{"topic", topic}};
  value.update(*late);
  records.push_back(
      {.topic = KafkaTopic::late,
       .type = "lookout.late",
       .key = key_of(names.network.value_or(""), names.region.value_or(""), names.sensor.value_or("")),
       .value = value.dump(-1, ' ', false, kReplace),
       .id = hex(hash_text(message.topic + '\0' + message.payload)),
       .time = message.arrival,
       .epoch = epoch_of(message.offset),
       .offset = message.offset});
}

void RecordMaker::add(const Gap& gap, std::vector<ForwardRecord>& records) const {
  Json value{{"first_offset", gap.first_offset}, {"end_offset", gap.end_offset}, {"why", gap.why}};
  if (gap.times) {
    value["from"] = to_rfc3339(gap.times->from);
    value["to"] = to_rfc3339(gap.times->to);
  }
  const std::uint64_t epoch = epoch_of(gap.first_offset);
  for (std::size_t topic = 0; topic < kKafkaTopics.size(); ++topic) {
    records.push_back({.topic = static_cast<KafkaTopic>(topic),
                       .type = kGapType,
                       .key = box_,
                       .value = value.dump(),
                       .id = fmt::format("{:016x}/{}-{}", epoch, gap.first_offset, gap.end_offset),
                       .time = gap.noted,
                       .epoch = epoch,
                       .offset = gap.first_offset});
  }
}

RecordNames record_names(const KafkaConfig& kafka, const std::string& box) {
  RecordNames names{.topics = {}, .box = box, .source = "lookout/" + box};
  for (std::size_t i = 0; i < names.topics.size(); ++i)
    names.topics[i] = kafka.topics_prefix + std::string(kKafkaTopics[i]);
  return names;
}

std::span<const KafkaHeader> RecordHeaders::of(const ForwardRecord& record, const RecordNames& names) {
  time_ = to_rfc3339(record.time);
  epoch_ = fmt::format(FMT_COMPILE("{:016x}"), record.epoch);
  offset_ = std::to_string(record.offset);
  part_ = std::to_string(record.part);
  headers_ = {{{"ce_specversion", "1.0"},
               {"ce_id", record.id},
               {"ce_source", names.source},
               {"ce_type", record.type},
               {"ce_time", time_},
               {"content-type", "application/json"},
               {"box", names.box},
               {"epoch", epoch_},
               {"offset", offset_},
               {"part", part_},
               {"job", names.job}}};
  return std::span(headers_).first(headers_.size() - (names.job.empty() ? 1 : 0));
}

}  // namespace lookout
