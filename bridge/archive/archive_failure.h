#pragma once

#include <expected>
#include <string>

namespace lookout {

/// Why the archive could not do what it was asked.
struct ArchiveFailure {
  enum class Kind {
    try_again,  ///< a write refused, a lock held, no right to write: the same may succeed later
    disk_full,  ///< the same may succeed once there is room
    damaged,    ///< what the file holds cannot be right
    broken,     ///< nothing this process can mend: a failed sync
    newer,      ///< a file that only a newer program understands; nothing is wrong with it
  };
  Kind kind = Kind::broken;
  std::string text;  ///< a sentence that names the file
  [[nodiscard]] bool may_pass() const { return kind == Kind::try_again || kind == Kind::disk_full; }
};

template <typename T>
using ArchiveResult = std::expected<T, ArchiveFailure>;

}  // namespace lookout
