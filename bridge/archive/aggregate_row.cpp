#include "bridge/archive/aggregate_row.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lookout {
namespace {

using nlohmann::json;

/// Takes fields out of an object and remembers the first that is not what it should be.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  void text(const char* key, std::string& target) {
    if (const json* value = find(key, &json::is_string)) target = value->get<std::string>();
  }
  void integer(const char* key, std::int64_t& target) {
    if (const json* value = find(key, &json::is_number_integer)) target = value->get<std::int64_t>();
  }
  void number(const char* key, double& target) {
    if (const json* value = find(key, &json::is_number)) target = value->get<double>();
  }
  void flag(const char* key, bool& target) {
    if (const json* value = find(key, &json::is_boolean)) target = value->get<bool>();
  }
  void time(const char* key, Timestamp& target) {
    std::string written;
    text(key, written);
    if (!wrong_.empty()) return;
    if (const auto parsed = parse_rfc3339(written)) {
      target = *parsed;
    } else {
      wrong_ = parsed.error();
    }
  }
  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const json* find(const char* key, bool (json::*is_wanted)() const noexcept) {
    const auto found = object_.find(key);
    if (found != object_.end() && ((*found).*is_wanted)()) return &*found;
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" is missing or of the wrong type", key);
    return nullptr;
  }

  const json& object_;
  std::string wrong_;
};

void read_names(Fields& fields, AggregateRow& row) {
  fields.text("id", row.id);
  fields.integer("revision", row.revision);
  fields.text("network", row.network);
  fields.text("window", row.window);
  fields.text("group", row.group);
  fields.text("metric", row.metric);
  if (fields.has("unit")) fields.text("unit", row.unit);
  fields.time("start", row.start);
  fields.time("end", row.end);
  fields.text("closed_by", row.closed_by);
}

void read_flags(Fields& fields, AggregateRow& row) {
  for (const auto& [key, flag] : {std::pair{"incomplete", &row.incomplete},
                                  {"retracted", &row.retracted},
                                  {"historical", &row.historical}}) {
    if (fields.has(key)) fields.flag(key, *flag);
  }
}

void read_figures(Fields& fields, AggregateRow& row) {
  for (const auto& [key, figure] : {std::pair{"mean", &row.mean},
                                    {"min", &row.min},
                                    {"max", &row.max},
                                    {"stddev", &row.stddev},
                                    {"first", &row.first},
                                    {"last", &row.last}}) {
    fields.number(key, figure->emplace());
  }
}

}  // namespace

Result<AggregateRow> parse_aggregate(std::string_view payload) {
  const json object = json::parse(payload, nullptr, false);
  if (!object.is_object()) return Failure("not a JSON object");
  AggregateRow row;
  Fields fields(object);
  read_names(fields, row);
  read_flags(fields, row);
  fields.integer("count", row.count);
  fields.integer("sensors", row.sensors);
  fields.number("sum", row.sum);
  if (!row.retracted) read_figures(fields, row);
  if (fields.has("over")) fields.integer("over", row.over.emplace());
  fields.integer("late", row.late);
  fields.integer("seq_gaps", row.seq_gaps);
  if (!fields.wrong().empty()) return Failure(fields.wrong());
  return row;
}

}  // namespace lookout
