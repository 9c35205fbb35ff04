#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/file_summary.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace lookout {

/// Closes a file of the archive: writes what it holds anew, readings by series and time, full pages, no more
/// indexes than reading needs. A part of the work at a time, so that messages do not wait for it. The file
/// itself is not touched; a half-made new one is worth nothing. Threading: one owner.
class Sealer {
 public:
  /// `summary` is that of `source`; `target` is made anew.
  static ArchiveResult<std::unique_ptr<Sealer>> begin(const std::filesystem::path& source,
                                                      const std::filesystem::path& target,
                                                      const FileSummary& summary);
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;
  /// A new file that is not whole goes with it.
  ~Sealer();

  enum class Step {
    worked,   ///< there is more to do
    waiting,  ///< for a reader who sees the source without what its -wal holds; the next step asks again
    whole     ///< the new file is whole and survives a power cut, and everything that the source's -wal held
              ///< is in the source, so that either may take the other's place
  };
  /// Copies up to about 20,000 rows; when the readings' turn comes, sorts them first, in memory of a few MiB
  /// and a temporary file.
  ArchiveResult<Step> step();

  [[nodiscard]] std::uint64_t first_offset() const { return summary_.first_offset; }

 private:
  enum class Phase { messages, aggregates, readings, finish, settle, whole };

  Sealer(std::filesystem::path source, std::filesystem::path target, FileSummary summary);
  void set_up();
  Step work();
  bool copy(const char* sql);
  bool copy_readings();
  void finish();
  bool settle();

  const std::filesystem::path source_, target_;
  const FileSummary summary_;
  Phase phase_ = Phase::messages;
  std::unique_ptr<SQLite::Database> database_;  // the target, with the source attached
  std::unique_ptr<SQLite::Statement> sorted_, insert_;
};

}  // namespace lookout
