#include "bridge/archive/arrival_ranges.h"

#include <algorithm>
#include <limits>

#include "bridge/archive/archive_guard.h"

namespace lookout {
namespace {

constexpr std::int64_t kNeighbours = 128;

}  // namespace

ArrivalRanges::ArrivalRanges(SQLite::Database& database)
    : select_one_(database, "SELECT arrival_us FROM messages WHERE offset = ?") {
  constexpr Range kNone{std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
  SQLite::Statement all(database, "SELECT offset, arrival_us FROM messages");
  while (all.executeStep()) {
    const std::int64_t offset = all.getColumn(0).getInt64(), arrival = all.getColumn(1).getInt64();
    if (ranges_.empty()) first_offset_ = offset;
    ranges_.resize(static_cast<std::size_t>((offset - first_offset_) / kNeighbours) + 1, kNone);
    ranges_.back().from = std::min(ranges_.back().from, arrival);
    ranges_.back().to = std::max(ranges_.back().to, arrival);
  }
}

bool ArrivalRanges::arrived_after(std::int64_t offset, std::int64_t time_us) {
  const auto at = static_cast<std::size_t>((offset - first_offset_) / kNeighbours);
  if (at >= ranges_.size() || ranges_[at].to <= time_us) return false;
  if (ranges_[at].from > time_us) return true;
  StatementUse select(select_one_);
  select->bind(1, offset);
  return select->executeStep() && select->getColumn(0).getInt64() > time_us;
}

}  // namespace lookout
