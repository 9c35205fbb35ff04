#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "common/config.h"

namespace lookout {

/// Reads the keys of one TOML table and remembers what is wrong: bad values, and at finish() keys nobody
/// asked for. Included by configuration code only. Threading: one owner.
class TomlSection {
 public:
  /// `title` is what the errors call the table, e.g. "window".
  TomlSection(const toml::table& table, std::string title, std::string file, std::vector<Problem>& problems);

  // Each takes the key as known; where it stands in the file and is well formed, the target is set.
  void text(std::string_view key, std::string& target);
  void name(std::string_view key, std::string& target);
  void integer(std::string_view key, std::int64_t minimum, std::int64_t maximum,
               const std::function<void(std::int64_t)>& set);
  void duration(std::string_view key, Microseconds& target);
  void optional_duration(std::string_view key, std::optional<Microseconds>& target);
  void number(std::string_view key, double& target);
  void optional_number(std::string_view key, std::optional<double>& target);
  void boolean(std::string_view key, bool& target);
  void byte_size(std::string_view key, std::uint64_t& target);
  void names(std::string_view key, std::vector<std::string>& target);
  void texts(std::string_view key, std::vector<std::string>& target);
  void text_map(std::string_view key,
                const std::function<void(const std::string&, const std::string&)>& each);
  /// Names and values that somebody else knows: text, numbers and flags as text; tables in tables have their
  /// names joined by dots.
  struct Setting {
    std::string name, value;
    Place place;
  };
  /// Each is handed out; what comes back is what is wrong with it, or empty.
  void settings(std::string_view key, const std::function<std::string(Setting)>& take);
  /// A number for all metrics, or a table of numbers by metric.
  void per_metric(std::string_view key, PerMetric& target);
  template <typename T>
  void choice(std::string_view key, const std::vector<std::pair<std::string_view, T>>& choices, T& target);
  template <typename T>
  void choices(std::string_view key, const std::vector<std::pair<std::string_view, T>>& known,
               std::vector<T>& target);

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] Place place(std::string_view key) const;
  void complain(std::string_view key, std::string message);
  /// Complains when the key is there.
  void refuse(std::string_view key, std::string message);
  /// Complains when the key is absent.
  void require(std::string_view key);
  /// Complains about each key that none of the calls above named.
  void finish();

 private:
  const toml::node* find(std::string_view key);
  void flatten(const std::string& name, const toml::node& node,
               const std::function<std::string(Setting)>& take);
  void expected(std::string_view key, std::string_view what);
  template <typename T>
  std::optional<T> chosen(std::string_view key, const toml::node& node,
                          const std::vector<std::pair<std::string_view, T>>& known);

  const toml::table& table_;
  std::string title_, file_;
  std::vector<Problem>& problems_;
  std::vector<std::string> known_;
};

template <typename T>
std::optional<T> TomlSection::chosen(std::string_view key, const toml::node& node,
                                     const std::vector<std::pair<std::string_view, T>>& known) {
  const auto word = node.value<std::string>();
  std::string accepted;
  for (const auto& [text, value] : known) {
    if (word == text) return value;
    accepted += (accepted.empty() ? "\"" : ", \"") + std::string(text) + '"';
  }
  complain(key, (word ? "'" + *word + "' is not accepted: " : std::string{}) + "accepted are " + accepted);
  return std::nullopt;
}

template <typename T>
void TomlSection::choice(std::string_view key, const std::vector<std::pair<std::string_view, T>>& choices,
                         T& target) {
  const toml::node* node = find(key);
  if (!node) return;
  if (const auto value = chosen(key, *node, choices)) target = *value;
}

template <typename T>
void TomlSection::choices(std::string_view key, const std::vector<std::pair<std::string_view, T>>& known,
                          std::vector<T>& target) {
  const toml::node* node = find(key);
  if (!node) return;
  const toml::array* list = node->as_array();
  if (!list || list->empty()) return expected(key, "a list of one or more");
  target.clear();
  for (const toml::node& element : *list) {
    if (const auto value = chosen(key, element, known)) target.push_back(*value);
  }
}

}  // namespace lookout
