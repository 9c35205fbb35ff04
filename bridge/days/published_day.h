#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>

#include "bridge/days/day.h"
#include "common/identity.h"
#include "common/result.h"

namespace lookout {

/// Which summaries of a day were published, as the archive has them: the bridge archives what it publishes as
/// it does everything else on aggregates/#. Of each id the highest revision.
class PublishedDay {
 public:
  struct Entry {
    std::int64_t revision = 0, count = 0, late = 0;
  };

  /// Fails when the archive cannot be read. What a damaged file held is not known, as it is not once the file
  /// is set aside: a summary that is published again for that is marked incomplete, and beats no complete
  /// one.
  static Result<PublishedDay> find(const std::filesystem::path& archive, const Day& day);

  /// Whether every file could be read.
  [[nodiscard]] bool is_complete() const { return complete_; }
  /// Nothing where none of that id was published.
  [[nodiscard]] const Entry* operator[](std::string_view id) const;

 private:
  bool complete_ = true;
  std::map<Identity, Entry> entries_;  // by the hash of the id
};

}  // namespace lookout
