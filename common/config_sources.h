#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace lookout {

/// The texts that a configuration was read from, in order. They hold no secrets: those have files of their
/// own.
struct ConfigSources {
  struct File {
    std::string name, text;
    bool operator==(const File&) const = default;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(name, text);
    }
  };
  std::vector<File> files;
  bool operator==(const ConfigSources&) const = default;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(files);
  }
};

/// {"files":[{"name":"...","text":"..."}]}: how a journal keeps them.
std::string to_json(const ConfigSources& sources);
Result<ConfigSources> sources_from_json(std::string_view json);

}  // namespace lookout
