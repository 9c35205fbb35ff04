#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "bridge/archive/archive_name.h"
#include "bridge/replay/replay_file.h"
#include "common/result.h"

namespace lookout {

/// The archive as it was when a replay began: what comes later is not in it, what retention takes meanwhile
/// goes from it. Nothing stays open. Threading: one owner; asking from several threads at once is safe.
class ReplayFiles {
 public:
  struct File {
    ArchiveName name;  ///< as it was; a file that is closed meanwhile is found all the same
    FileSummary summary;
  };

  /// Fails where there is no archive, or a file of it is damaged: a replay without it would give other
  /// results. (The bridge sets a damaged file aside when it starts; from then on there is a gap.)
  static Result<ReplayFiles> open(std::filesystem::path folder);

  /// By offset.
  [[nodiscard]] const std::vector<File>& all() const { return files_; }
  /// The file in which an offset lies, if it lies in one; there must be files.
  [[nodiscard]] const File& holding(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t first_offset() const {
    return files_.empty() ? 0 : files_[0].name.first_offset;
  }
  /// Offsets from here on came later.
  [[nodiscard]] std::uint64_t end_offset() const {
    return files_.empty() ? 0 : files_.back().summary.end_offset;
  }
  /// Offsets that are missing.
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }

  /// A look into a file; nothing: retention has taken it.
  [[nodiscard]] Result<std::optional<ReplayFile>> look_into(const File& file) const;

 private:
  explicit ReplayFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> read();

  std::filesystem::path folder_;
  std::vector<File> files_;
  std::vector<Gap> gaps_;
};

}  // namespace lookout
