#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>

#include "bridge/archive/aggregate_row.h"
#include "bridge/archive/archive_failure.h"
#include "bridge/archive/archive_name.h"
#include "common/reading.h"
#include "common/series.h"

namespace lookout {

/// Finds repeats in files of the archive that are not written any more. Keeps connections to the few that
/// were asked last. Threading: one owner.
class ClosedRepeats {
 public:
  explicit ClosedRepeats(std::filesystem::path folder);
  ClosedRepeats(const ClosedRepeats&) = delete;
  ClosedRepeats& operator=(const ClosedRepeats&) = delete;
  ~ClosedRepeats();

  // As Repeats::holds.
  ArchiveResult<bool> holds(const ArchiveName& name, const Series& series, const Reading& reading,
                            Timestamp arrival, Microseconds identity_window);
  ArchiveResult<bool> holds(const ArchiveName& name, const AggregateRow& row);
  /// Lets go of a file that is to be replaced, moved or removed.
  void let_go(std::uint64_t first_offset);

 private:
  struct File;
  ArchiveResult<File*> find(const ArchiveName& name);
  void make_room();

  const std::filesystem::path folder_;
  std::map<std::uint64_t, std::unique_ptr<File>> files_;  // by first offset
  std::uint64_t uses_ = 0;
};

}  // namespace lookout
