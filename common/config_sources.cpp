#include "common/config_sources.h"

#include <nlohmann/json.hpp>

namespace lookout {

using nlohmann::json;

std::string to_json(const ConfigSources& sources) {
  json files = json::array();
  for (const auto& [name, text] : sources.files) files.push_back({{"name", name}, {"text", text}});
  return json{{"files", std::move(files)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ConfigSources> sources_from_json(std::string_view text) {
  try {
    ConfigSources sources;
    const json parsed = json::parse(text);
    for (const json& file : parsed.at("files")) sources.files.push_back({file.at("name"), file.at("text")});
    return sources;
  } catch (const json::exception& error) {
    return Failure(std::string("not a configuration: ") + error.what());
  }
}

}  // namespace lookout
