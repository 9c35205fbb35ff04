#include "common/config_input.h"

#include "common/json_pointer.h"

namespace lookout {
namespace {

void read_topic(TomlSection& section, InputConfig& input) {
  std::string topic;
  section.require("topic");
  section.text("topic", topic);
  if (topic.empty()) return;
  if (auto pattern = TopicPattern::parse(topic)) {
    input.topic = std::move(*pattern);
  } else {
    section.complain("topic", std::move(pattern.error()));
  }
}

void read_metrics(TomlSection& section, InputConfig& input) {
  section.text_map("metrics", [&](const std::string& metric, const std::string& field) {
    input.metrics.emplace_back(metric, field);
  });
  if (input.codec == CodecKind::flat) {
    if (!input.metrics.empty()) return;
    section.complain("metrics",
                     "codec flat needs a table from metric to field, such as "
                     "{ temperature = \"temperature_c\" }");
  } else if (input.codec == CodecKind::json) {
    if (section.has("metrics"))
      section.complain("metrics", "goes with codec flat only: codec json has values");
  } else if (!input.metrics.empty()) {
    section.complain("metrics", "goes with codec flat only: here the topic names the metric");
  }
}

void read_pointers(TomlSection& section, InputConfig& input) {
  const auto check = [&](const char* key, const std::string& pointer) {
    if (auto checked = check_json_pointer(pointer); !checked)
      section.complain(key, std::move(checked.error()));
  };
  section.text_map("values", [&](const std::string& metric, const std::string& pointer) {
    check("values", pointer);
    input.values.emplace_back(metric, pointer);
  });
  for (const auto& [key, target] : {std::pair{"time", &input.time}, {"seq", &input.seq}}) {
    std::string pointer;
    section.text(key, pointer);
    if (!section.has(key)) continue;
    check(key, pointer);
    *target = pointer;
  }
  section.choice<TimeFormat>("time_format",
                             {{"s", TimeFormat::seconds},
                              {"ms", TimeFormat::milliseconds},
                              {"us", TimeFormat::microseconds},
                              {"rfc3339", TimeFormat::rfc3339}},
                             input.time_format);
  section.texts("identity", input.identity);
  for (const std::string& pointer : input.identity) check("identity", pointer);
}

// Whether the keys of codec json fit together, and are absent elsewhere.
void check_pointers(TomlSection& section, const InputConfig& input) {
  if (input.codec != CodecKind::json) {
    for (const char* key : {"values", "time", "time_format", "seq", "identity"}) {
      if (section.has(key)) {
        section.complain(key, "goes with codec json only: the other codecs know where in a payload to look");
      }
    }
    return;
  }
  const std::string& topic = input.topic.text();
  if (input.values.empty()) {
    section.complain("values",
                     "codec json needs a table from metric to JSON pointer, such as "
                     "{ temperature = \"/decoded/temperature\" }");
  } else if (input.values.size() > 1 && topic.find("{metric}") != std::string::npos) {
    section.complain("values",
                     "must be one where the topic names the metric: leave {metric} out of the topic");
  }
  if (!topic.empty() && topic.find("{sensor}") == std::string::npos) {
    section.complain("topic", "must hold {sensor}: codec json takes no names from the payload");
  }
  if (section.has("time_format") && !input.time) {
    section.complain("time_format", "needs a time beside it, the JSON pointer to what has this format");
  }
}

}  // namespace

void read_input(TomlSection section, std::vector<InputConfig>& inputs) {
  InputConfig input;
  read_topic(section, input);
  section.require("codec");
  section.choice<CodecKind>("codec",
                            {{"lookout", CodecKind::lookout},
                             {"flat", CodecKind::flat},
                             {"number", CodecKind::number},
                             {"json", CodecKind::json}},
                            input.codec);
  read_metrics(section, input);
  read_pointers(section, input);
  check_pointers(section, input);
  section.per_metric("scale", input.scale);
  section.per_metric("offset", input.offset);
  section.text_map("units",
                   [&](const std::string& metric, const std::string& unit) { input.units[metric] = unit; });
  section.finish();
  inputs.push_back(std::move(input));
}

}  // namespace lookout
