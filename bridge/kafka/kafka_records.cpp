#include "bridge/kafka/kafka_records.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/identity.h"

namespace lookout {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFieldsBehindSeries = 7;
constexpr std::size_t kTexts = 4096;
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

std::string id_of(const ArchivedReading& reading, const Identity& series) {
  if (reading.identity) return hex(*reading.identity);
  const auto time = reading.time_is_arrival ? std::nullopt : std::optional(reading.event_time);
  const auto identity = identify(series, time, reading.value, reading.seq, reading.boot);
  return identity ? hex(*identity) : std::string{};
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, kReplace); }

std::string fields_of(const ArchivedReading& reading) {
  std::string fields = dump({{"network", reading.network},
                             {"region", reading.region},
                             {"sensor", reading.sensor},
                             {"metric", reading.metric}});
  fields.pop_back();
  return fields;
}

// What stands behind the series' fields, an object's opening brace included.
std::string rest_of(const ArchivedMessage& message, const ArchivedReading& reading) {
  // Field by field: a list of them in braces becomes a tree of arrays first, at twice the price.
  Json rest = Json::object();
  rest.get_ref<Json::object_t&>().reserve(kFieldsBehindSeries);
  rest["event_time"] = to_rfc3339(reading.event_time);
  if (reading.time_is_arrival) rest["time_is_arrival"] = true;
  rest["value"] = reading.value;
  if (!reading.unit.empty()) rest["unit"] = reading.unit;
  if (reading.seq) rest["seq"] = *reading.seq;
  if (!reading.boot.empty()) rest["boot"] = reading.boot;
  rest["arrival"] = to_rfc3339(message.arrival);
  return dump(rest);
}

}  // namespace

std::string_view ForwardRecords::keep(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  auto* const place = static_cast<char*>(texts->allocate(size, 1));
  auto* end = place;
  for (const std::string_view part : parts) end = std::ranges::copy(part, end).out;
  return {place, size};
}

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

void RecordMaker::add(const ArchivedMessage& message, ForwardedAlerts& alerts, ForwardRecords& records) {
  for (const ArchivedReading& reading : message.readings) add_reading(message, reading, records);
  if (message.aggregate) add_aggregate(message, records);
  if (message.topic.starts_with("alerts/")) add_alert(message, alerts, records);
  if (message.topic.starts_with("late/")) add_late(message, records);
}

// One series' readings come again and again; the names are most of what there is to write.
const SeriesTexts& RecordMaker::texts_of(const ArchivedReading& reading) {
  texts_.resize(kTexts);
  const Identity series = hash_series(reading.network, reading.region, reading.sensor, reading.metric);
  SeriesTexts& texts = texts_[series.low % kTexts];
  if (texts.series != series)
    texts = {series, key_of(reading.network, reading.region, reading.sensor), fields_of(reading)};
  return texts;
}

void RecordMaker::add_reading(const ArchivedMessage& message, const ArchivedReading& reading,
                              ForwardRecords& records) {
  const SeriesTexts& texts = texts_of(reading);
  // Of two objects one.
  const std::string rest = rest_of(message, reading);
  std::string id = id_of(reading, *texts.series);
  const std::uint64_t epoch = epoch_of(message.offset);
  if (id.empty()) id = fmt::format("{:016x}/{}/{}", epoch, message.offset, reading.part);
  records.list.push_back({.topic = KafkaTopic::readings,
                          .type = "lookout.reading",
                          .key = records.keep({texts.key}),
                          .value = records.keep({texts.fields, ",", std::string_view(rest).substr(1)}),
                          .id = records.keep({id}),
                          .time = reading.event_time,
                          .epoch = epoch,
                          .offset = message.offset,
                          .part = reading.part});
}

void RecordMaker::add_aggregate(const ArchivedMessage& message, ForwardRecords& records) const {
  const AggregateRow& aggregate = *message.aggregate;
  records.list.push_back({.topic = KafkaTopic::aggregates,
                          .type = "lookout.aggregate",
                          .key = records.keep({key_of_group(aggregate.network, aggregate.group)}),
                          .value = records.keep({message.payload}),
                          .id = records.keep({fmt::format("{}/{}", aggregate.id, aggregate.revision)}),
                          .time = aggregate.end,
                          .epoch = epoch_of(message.offset),
                          .offset = message.offset});
}

void RecordMaker::add_alert(const ArchivedMessage& message, ForwardedAlerts& alerts,
                            ForwardRecords& records) const {
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
  records.list.push_back({.topic = KafkaTopic::alerts,
                          .type = "lookout.alert",
                          .key = records.keep({key_of_group(network, group)}),
                          .value = records.keep({message.payload}),
                          .id = records.keep({fmt::format("{}/{}", told.id, told.revision)}),
                          .time = message.arrival,
                          .epoch = epoch_of(message.offset),
                          .offset = message.offset});
}

void RecordMaker::add_late(const ArchivedMessage& message, ForwardRecords& records) const {
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
  records.list.push_back({.topic = KafkaTopic::late,
                          .type = "lookout.late",
                          .key = records.keep({key_of(names.network.value_or(""), names.region.value_or(""),
                                                      names.sensor.value_or(""))}),
                          .value = records.keep({dump(value)}),
                          .id = records.keep({hex(hash_text(message.topic + '\0' + message.payload))}),
                          .time = message.arrival,
                          .epoch = epoch_of(message.offset),
                          .offset = message.offset});
}

void RecordMaker::add(const Gap& gap, ForwardRecords& records) const {
  Json value{{"first_offset", gap.first_offset}, {"end_offset", gap.end_offset}, {"why", gap.why}};
  if (gap.times) {
    value["from"] = to_rfc3339(gap.times->from);
    value["to"] = to_rfc3339(gap.times->to);
  }
  const std::uint64_t epoch = epoch_of(gap.first_offset);
  for (std::size_t topic = 0; topic < kKafkaTopics.size(); ++topic) {
    records.list.push_back(
        {.topic = static_cast<KafkaTopic>(topic),
         .type = kGapType,
         .key = records.keep({box_}),
         .value = records.keep({value.dump()}),
         .id = records.keep({fmt::format("{:016x}/{}-{}", epoch, gap.first_offset, gap.end_offset)}),
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
  offset_ = std::to_string(record.offset);
  // The same in most records.
  if (epoch_ != record.epoch) epoch_text_ = fmt::format(FMT_COMPILE("{:016x}"), *(epoch_ = record.epoch));
  if (part_ != record.part) part_text_ = std::to_string(*(part_ = record.part));
  headers_ = {{{"ce_specversion", "1.0"},
               {"ce_id", record.id},
               {"ce_source", names.source},
               {"ce_type", record.type},
               {"ce_time", time_},
               {"content-type", "application/json"},
               {"box", names.box},
               {"epoch", epoch_text_},
               {"offset", offset_},
               {"part", part_text_},
               {"job", names.job}}};
  return std::span(headers_).first(headers_.size() - (names.job.empty() ? 1 : 0));
}

}  // namespace lookout
