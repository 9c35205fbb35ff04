#include "common/subscribed_filters.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/file.h"

namespace lookout {

std::vector<std::string> load_filters(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  const auto content = read_file(path);
  const auto json = nlohmann::json::parse(content.value_or(""), nullptr, false);
  const bool readable = json.is_array() && std::ranges::all_of(json, &nlohmann::json::is_string);
  if (readable) return json.get<std::vector<std::string>>();
  spdlog::warn("'{}' cannot be read: what was subscribed to before stays so", path.string());
  return {};
}

Result<void> save_filters(const std::filesystem::path& path, const std::vector<std::string>& filters) {
  return replace_file(path, nlohmann::json(filters).dump() + '\n', true);
}

}  // namespace lookout
