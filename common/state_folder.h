#pragma once

#include <filesystem>
#include <string>

#include "common/config.h"
#include "common/file.h"
#include "common/result.h"

namespace lookout {

/// A program's own folder below [box] state, held by one process at a time: two with one MQTT client id would
/// steal each other's session in a loop.
class StateFolder {
 public:
  /// Makes the folder `<state>/<program>` and locks it. Fails when it cannot be made, another process holds
  /// it, or a file in it cannot be read and written, an archive left out.
  static Result<StateFolder> open(const Config& config, const std::string& program);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// [box] id, or the one made once and kept in `<state>/box_id`.
  [[nodiscard]] const std::string& box_id() const { return box_id_; }

 private:
  std::filesystem::path path_;
  std::string box_id_;
  FileHandle lock_;
};

/// [box] id, or the one that a program has made and kept; fails where none has run yet.
Result<std::string> known_box_id(const Config& config);

}  // namespace lookout
