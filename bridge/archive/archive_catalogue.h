#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/file_summary.h"

namespace lookout {

/// A file of the archive that is not written any more.
struct ClosedFile {
  ArchiveName name;
  FileSummary summary;
  std::uint64_t bytes = 0;
  std::optional<std::string> damage{};  ///< why nobody is to read it; then the rest may not be known
};

/// What the archive's folder holds. Nothing of it is stored beside the files: it is read from their names and
/// from what each says of itself, so that the two cannot disagree.
///
/// Threading: one owner, the process that writes the archive. A connection of this process may read on in a
/// file that was removed, replaced or set aside (day_reader.h): its room is free once that is done.
class ArchiveCatalogue {
 public:
  /// Mends what a crash left in the folder (which is made where it is missing): half-made files go, and of
  /// one that was closed what it was before. Fails where the folder cannot be used, and for files of a newer
  /// schema.
  static ArchiveResult<ArchiveCatalogue> open(std::filesystem::path folder);

  /// By offset.
  [[nodiscard]] const std::vector<ClosedFile>& closed() const { return closed_; }
  /// The newest file, where it is one that is still written.
  [[nodiscard]] const std::optional<ArchiveName>& open_file() const { return open_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path path_of(const ArchiveName& name) const {
    return folder_ / to_text(name);
  }
  [[nodiscard]] std::filesystem::path path_while_sealing(const ArchiveName& name) const;
  [[nodiscard]] std::uint64_t closed_bytes() const;
  /// The first offset of the newest file that was ever set aside.
  [[nodiscard]] const std::optional<std::uint64_t>& newest_aside() const { return newest_aside_; }

  /// A new file to write.
  void begin(const ArchiveName& name) { open_ = name; }
  /// The open file is written no more.
  void close(FileSummary summary);
  /// What was made at path_while_sealing() takes the place of the closed file. After a failure it is to be
  /// called again.
  ArchiveResult<void> seal(std::uint64_t first_offset);
  ArchiveResult<void> remove(std::uint64_t first_offset);
  /// Holds a closed file for damaged from now on; gives the gap that is to be noted before set_aside().
  Gap give_up(std::uint64_t first_offset, const std::string& why);
  /// Renames a file that was given up, and what belongs to it, to `.corrupt.<time>`.
  ArchiveResult<void> set_aside(std::uint64_t first_offset);
  ArchiveResult<void> set_open_aside(const std::string& why);

 private:
  explicit ArchiveCatalogue(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ArchiveResult<void> mend();
  ArchiveResult<void> read();
  ArchiveResult<ClosedFile> read_closed(const ArchiveName& name) const;
  ArchiveResult<void> remove_files(const ArchiveName& name);
  ArchiveResult<void> move_aside(const ArchiveName& name, const std::string& why);
  std::vector<ClosedFile>::iterator find(std::uint64_t first_offset);

  std::filesystem::path folder_;
  std::vector<ClosedFile> closed_;
  std::optional<ArchiveName> open_;
  std::optional<std::uint64_t> newest_aside_;
};

}  // namespace lookout
