#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <vector>

namespace lookout {

/// When the messages of a closed file arrived, to be asked in any order of offsets: 128 neighbours at a time
/// from when to when, and only where that does not tell, the message itself. An eighth of a byte for each
/// message; looking each of them up would be most of what the summary of a day costs. Its calls throw
/// SQLite::Exception. Included by the archive's own .cpp files only. Threading: one owner.
class ArrivalRanges {
 public:
  /// Reads the arrivals of the whole file.
  explicit ArrivalRanges(SQLite::Database& database);

  /// Whether the message of this offset arrived after `time_us`.
  bool arrived_after(std::int64_t offset, std::int64_t time_us);

 private:
  struct Range {
    std::int64_t from, to;
  };
  SQLite::Statement select_one_;
  std::int64_t first_offset_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace lookout
