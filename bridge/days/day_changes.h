#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>

#include "common/result.h"

namespace lookout {

/// To which UTC days readings came.
struct DayChanges {
  std::map<std::chrono::sys_days, std::uint64_t> newest;  ///< the last offset that brought one, by day
  std::uint64_t end = 0;                                  ///< one past the last offset that was looked at
};

/// Up to which offset each day that is looked at was summarized; 0: never.
using SummarizedDays = std::map<std::chrono::sys_days, std::uint64_t>;

/// Looks at the readings that came from the offset `since` on, as far as they are of these days. Costs as
/// much as reading these rows, and nothing that is held after the call; a closed file is read only where it
/// holds something of a day that was summarized before the file's end: of a day that never was it is enough
/// that there is something. What is damaged is passed over.
Result<DayChanges> find_changes(const std::filesystem::path& archive, std::uint64_t since,
                                const SummarizedDays& days);

}  // namespace lookout
