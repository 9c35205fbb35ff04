#pragma once

#include <cstddef>
#include <string_view>

namespace lookout::test {

/// How often the word is in the text.
inline std::size_t occurrences(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

/// A field of a line of JSON that has no objects in it, as it stands there but for the quotes; empty where
/// there is none. For millions of lines, of which a parser would take minutes.
inline std::string_view flat_field(std::string_view line, std::string_view name) {
  for (auto at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
    if (at == 0 || line[at - 1] != '"' || line.substr(at + name.size(), 2) != "\":") continue;
    line.remove_prefix(at + name.size() + 2);
    if (!line.starts_with('"')) return line.substr(0, line.find_first_of(",}"));
    line.remove_prefix(1);
    return line.substr(0, line.find('"'));
  }
  return {};
}

}  // namespace lookout::test
