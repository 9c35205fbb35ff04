#include "bridge/kafka/forward_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"

namespace lookout {
namespace {

constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();

ArchiveResult<FileSummary> look_into(const std::filesystem::path& path, bool closed) {
  const auto database = open_read_only(path, closed);
  if (!database) return std::unexpected(database.error());
  const auto looked = guarded(path, [&]() -> ArchiveResult<FileSummary> {
    if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
    const auto told = read_summary(**database);
    return told ? *told : summarize(**database);
  });
  return looked ? *looked : std::unexpected(looked.error());
}

bool overlaps(const Coverage& held, const ForwardRange& range) {
  return std::ranges::any_of(held.stretches(), [&](const Coverage::Stretch& stretch) {
    return stretch.from < range.to && stretch.to >= range.from;
  });
}

bool may_hold(const FileSummary& file, const ForwardRange& range) {
  if (file.arrivals && file.arrivals->from < range.to && file.arrivals->to >= range.from) return true;
  return range.axis == TimeAxis::event &&
         (overlaps(file.event_times, range) || overlaps(file.windows, range));
}

/// Nothing: a file was closed, or went, while it was looked at.
ArchiveResult<std::optional<ForwardPlan>> plan_by(const std::vector<ArchiveName>& names,
                                                  const std::filesystem::path& archive,
                                                  const ForwardRange& range) {
  ForwardPlan plan;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto path = archive / to_text(names[i]);
    const std::uint64_t first = names[i].first_offset;
    const auto file = look_into(path, names[i].sealed);
    if (file) {
      plan.epoch = file->epoch;
      if (may_hold(*file, range)) plan.stretches.push_back({file->first_offset, file->end_offset});
    } else if (is_gone(path)) {
      return std::nullopt;
    } else if (file.error().kind == ArchiveFailure::Kind::damaged) {
      plan.damaged.push_back({first, file.error().text});
      const bool is_last = i + 1 == names.size();
      plan.stretches.push_back({first, is_last ? kEnd : names[i + 1].first_offset});
    } else {
      return std::unexpected(file.error());
    }
  }
  if (plan.damaged.size() == names.size())
    return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::damaged, plan.damaged.back().why});
  return plan;
}

}  // namespace

ArchiveResult<ForwardPlan> plan_forward(const std::filesystem::path& archive, const ForwardRange& range) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    const auto names = list_archive(archive);
    if (!names) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, names.error()});
    if (names->empty()) {
      return std::unexpected(ArchiveFailure{
          ArchiveFailure::Kind::broken,
          fmt::format("there is no archive '{}': lookout-bridge run makes it", archive.string())});
    }
    auto plan = plan_by(*names, archive, range);
    if (!plan) return std::unexpected(plan.error());
    if (*plan) return std::move(**plan);
  }
  return std::unexpected(ArchiveFailure{
      ArchiveFailure::Kind::try_again,
      fmt::format("archive '{}': its files come and go while they are looked at", archive.string())});
}

}  // namespace lookout
