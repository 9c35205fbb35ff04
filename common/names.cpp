#include "common/names.h"

#include <algorithm>

namespace lookout {

bool is_valid_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ':' || c == '-';
  };
  return !name.empty() && name.size() <= 64 && name != kAllGroup && std::ranges::all_of(name, allowed);
}

}  // namespace lookout
