#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace lookout::test {

/// Messages by what is in them, and how often each: the hash of topic and payload stands for it, because
/// there are millions.
using Contents = std::unordered_map<std::size_t, std::uint64_t>;

inline std::size_t content_of(std::string_view topic, std::string_view payload) {
  return std::hash<std::string>{}(std::string(topic) + '\0' + std::string(payload));
}

/// How many of `some` are not in `all`, where each is to be as often.
inline std::uint64_t count_beyond(const Contents& some, const Contents& all) {
  std::uint64_t beyond = 0;
  for (const auto& [content, times] : some) {
    const auto found = all.find(content);
    const std::uint64_t there = found == all.end() ? 0 : found->second;
    beyond += times > there ? times - there : 0;
  }
  return beyond;
}

}  // namespace lookout::test
