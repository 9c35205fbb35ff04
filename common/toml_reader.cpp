#include "common/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/byte_size.h"
#include "common/duration.h"
#include "common/names.h"

namespace lookout {

TomlSection::TomlSection(const toml::table& table, std::string title, std::string file,
                         std::vector<Problem>& problems)
    : table_(table), title_(std::move(title)), file_(std::move(file)), problems_(problems) {}

const toml::node* TomlSection::find(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

Place TomlSection::place(std::string_view key) const {
  const toml::node* node = table_.get(key);
  const auto line = (node ? node->source() : table_.source()).begin.line;
  return {file_, static_cast<unsigned>(line),
          title_.empty() ? std::string(key) : title_ + '.' + std::string(key)};
}

void TomlSection::complain(std::string_view key, std::string message) {
  problems_.push_back({place(key), std::move(message)});
}

void TomlSection::expected(std::string_view key, std::string_view what) {
  complain(key, fmt::format("expected {}", what));
}

void TomlSection::refuse(std::string_view key, std::string message) {
  if (find(key)) complain(key, std::move(message));
}

void TomlSection::require(std::string_view key) {
  if (!has(key)) complain(key, "is missing");
}

void TomlSection::text(std::string_view key, std::string& target) {
  const toml::node* node = find(key);
  if (!node) return;
  if (const auto value = node->value_exact<std::string>()) {
    target = *value;
  } else {
    expected(key, "text in quotes");
  }
}

void TomlSection::name(std::string_view key, std::string& target) {
  std::string value;
  const std::size_t before = problems_.size();
  text(key, value);
  if (!has(key) || problems_.size() != before) return;
  if (!is_valid_name(value))
    return complain(key, fmt::format("'{}' is not a name: accepted are {}", value, kNameRule));
  target = value;
}

void TomlSection::integer(std::string_view key, std::int64_t minimum, std::int64_t maximum,
                          const std::function<void(std::int64_t)>& set) {
  const toml::node* node = find(key);
  if (!node) return;
  const auto value = node->value_exact<std::int64_t>();
  if (value && *value >= minimum && *value <= maximum) {
    set(*value);
  } else {
    expected(key, fmt::format("a whole number from {} to {}", minimum, maximum));
  }
}

void TomlSection::duration(std::string_view key, Microseconds& target) {
  const toml::node* node = find(key);
  if (!node) return;
  if (node->value_exact<std::int64_t>() == 0) {
    target = Microseconds{0};
    return;
  }
  const auto word = node->value_exact<std::string>();
  if (!word)
    return expected(key, "a duration in quotes such as \"200ms\" \"30s\" \"5m\" \"24h\" \"7d\", or 0");
  if (auto value = parse_duration(*word)) {
    target = *value;
  } else {
    complain(key, std::move(value.error()));
  }
}

void TomlSection::optional_duration(std::string_view key, std::optional<Microseconds>& target) {
  Microseconds value{};
  duration(key, value);
  if (has(key)) target = value;
}

void TomlSection::number(std::string_view key, double& target) {
  std::optional<double> value;
  optional_number(key, value);
  target = value.value_or(target);
}

void TomlSection::optional_number(std::string_view key, std::optional<double>& target) {
  const toml::node* node = find(key);
  if (!node) return;
  const auto value = node->value<double>();
  if (!node->is_number() || !value || !std::isfinite(*value)) return expected(key, "a number");
  target = *value;
}

void TomlSection::boolean(std::string_view key, bool& target) {
  const toml::node* node = find(key);
  if (!node) return;
  if (const auto value = node->value_exact<bool>()) {
    target = *value;
  } else {
    expected(key, "true or false");
  }
}

void TomlSection::byte_size(std::string_view key, std::uint64_t& target) {
  const toml::node* node = find(key);
  if (!node) return;
  std::string word;
  if (const auto bytes = node->value_exact<std::int64_t>()) word = std::to_string(*bytes);
  if (const auto quoted = node->value_exact<std::string>()) word = *quoted;
  if (auto value = parse_byte_size(word)) {
    target = *value;
  } else {
    complain(key, std::move(value.error()));
  }
}

void TomlSection::names(std::string_view key, std::vector<std::string>& target) {
  const toml::node* node = find(key);
  if (!node) return;
  const toml::array* list = node->as_array();
  if (!list) return expected(key, "a list of names");
  target.clear();
  for (const toml::node& element : *list) {
    const auto value = element.value_exact<std::string>();
    if (!value || !is_valid_name(*value))
      return expected(key, fmt::format("a list of names, each {}", kNameRule));
    target.push_back(*value);
  }
}

void TomlSection::texts(std::string_view key, std::vector<std::string>& target) {
  const toml::node* node = find(key);
  if (!node) return;
  const toml::array* list = node->as_array();
  if (!list || list->empty() || !list->is_homogeneous<std::string>()) {
    return expected(key, "a list of one or more texts in quotes");
  }
  target.clear();
  for (const toml::node& element : *list) target.push_back(*element.value_exact<std::string>());
}

void TomlSection::text_map(std::string_view key,
                           const std::function<void(const std::string&, const std::string&)>& each) {
  const toml::node* node = find(key);
  if (!node) return;
  const toml::table* entries = node->as_table();
  if (!entries) return expected(key, "a table such as { temperature = \"temperature_c\" }");
  for (const auto& [name, entry] : *entries) {
    const auto value = entry.value_exact<std::string>();
    if (!value || !is_valid_name(name.str())) {
      expected(key, fmt::format("a table from a name ({}) to text", kNameRule));
    } else {
      each(std::string(name.str()), *value);
    }
  }
}

void TomlSection::settings(std::string_view key, const std::function<std::string(Setting)>& take) {
  const toml::node* node = find(key);
  if (!node) return;
  const toml::table* entries = node->as_table();
  if (!entries) return expected(key, "a table of settings");
  for (const auto& [name, entry] : *entries) flatten(std::string(name.str()), entry, take);
}

void TomlSection::flatten(const std::string& name, const toml::node& node,
                          const std::function<std::string(Setting)>& take) {
  if (const toml::table* entries = node.as_table()) {
    for (const auto& [inner, entry] : *entries) flatten(name + '.' + std::string(inner.str()), entry, take);
    return;
  }
  const Place place{file_, static_cast<unsigned>(node.source().begin.line), title_ + '.' + name};
  const auto text = node.value_exact<std::string>();
  const auto number = node.value_exact<std::int64_t>();
  const auto flag = node.value_exact<bool>();
  std::string wrong = "expected text in quotes, a whole number, true or false";
  if (text || number || flag)
    wrong = take({name, text ? *text : number ? std::to_string(*number) : *flag ? "true" : "false", place});
  if (!wrong.empty()) problems_.push_back({place, std::move(wrong)});
}

void TomlSection::per_metric(std::string_view key, PerMetric& target) {
  const toml::node* node = find(key);
  if (!node) return;
  const auto read = [&](const toml::node& element, double& number) {
    const auto value = element.value<double>();
    if (!element.is_number() || !value || !std::isfinite(*value)) {
      return expected(key, "a number, or a table of numbers by metric");
    }
    number = *value;
  };
  if (const toml::table* entries = node->as_table()) {
    for (const auto& [metric, entry] : *entries) read(entry, target.by_metric[std::string(metric.str())]);
  } else {
    read(*node, target.all);
  }
}

void TomlSection::finish() {
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    complain(key.str(), fmt::format("is not a key here: accepted are {}", fmt::join(known_, " ")));
  }
}

}  // namespace lookout
