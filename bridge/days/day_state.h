#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include "common/message.h"
#include "common/result.h"

namespace lookout {

/// What the publisher of daily summaries has to remember beside the archive, in two files below
/// `<state>/bridge/`: `days.json`, up to which offset of the archive each day was summarized; and while
/// summaries are on their way, `days.ndjson`, which holds them. They are written down before the first is
/// published and kept until the last is in the archive: a start sends what is not, the same bytes. The two
/// files lost cost a day's summary to be computed again, and nothing else. Threading: one owner.
class DayState {
 public:
  /// Summaries of a day that may not all be in the archive.
  struct Pending {
    std::chrono::sys_days day{};
    std::uint64_t end = 0;    ///< they hold all readings below this offset
    bool incomplete = false;  ///< readings of the day are known to be lost
  };

  /// Of another archive, told by its epoch, nothing is remembered; of files that cannot be read neither.
  DayState(const std::filesystem::path& folder, std::uint64_t epoch);

  /// One past the offset up to which a day was summarized; 0: never.
  [[nodiscard]] std::uint64_t summarized(std::chrono::sys_days day) const;
  /// All below `end` is in summaries that are in the archive; days before `oldest` are forgotten. Nothing is
  /// pending then.
  Result<void> set_summarized(std::chrono::sys_days day, std::uint64_t end, std::chrono::sys_days oldest);

  [[nodiscard]] const std::optional<Pending>& pending() const { return pending_; }
  /// Begins to write summaries down; what was written before goes.
  Result<void> begin();
  Result<void> add(const Outgoing& summary);
  /// From here on they are pending, also after a crash.
  Result<void> commit(const Pending& pending);
  /// Hands out those that are pending; false ends it early. Fails where they cannot be read.
  Result<void> for_each_pending(const std::function<bool(Outgoing summary)>& take) const;

 private:
  void load();
  Result<void> save();
  [[nodiscard]] std::filesystem::path state_file() const { return folder_ / "days.json"; }
  [[nodiscard]] std::filesystem::path summaries_file() const { return folder_ / "days.ndjson"; }

  const std::filesystem::path folder_;
  const std::uint64_t epoch_;
  std::map<std::chrono::sys_days, std::uint64_t> summarized_;
  std::optional<Pending> pending_;
  std::ofstream writing_;
};

}  // namespace lookout
