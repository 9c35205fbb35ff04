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

}  // namespace lookout::test
