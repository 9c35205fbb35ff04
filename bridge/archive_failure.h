#pragma once

#include <expected>
#include <string>

namespace lookout {

/// Why the archive could not do what it was asked.
struct ArchiveFailure {
  enum class Kind {
    try_again,  ///< disk full, a write refused: the same may succeed later
    broken,     ///< nothing this process can mend: a damaged file, a failed sync
  };
  Kind kind = Kind::broken;
  std::string text;  ///< a sentence that names the file
};

template <typename T>
using ArchiveResult = std::expected<T, ArchiveFailure>;

}  // namespace lookout
