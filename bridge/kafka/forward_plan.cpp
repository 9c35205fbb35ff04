#include "bridge/kafka/forward_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"

namespace lookout {
namespace {

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

}  // namespace

ArchiveResult<ForwardPlan> plan_forward(const std::filesystem::path& archive, const ForwardRange& range) {
  const auto names = list_archive(archive);
  if (!names) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, names.error()});
  if (names->empty()) {
    return std::unexpected(ArchiveFailure{
        ArchiveFailure::Kind::broken,
        fmt::format("there is no archive '{}': lookout-bridge run makes it", archive.string())});
  }
  ForwardPlan plan;
  for (const ArchiveName& name : *names) {
    const auto file = look_into(archive / to_text(name), name.sealed);
    if (!file) return std::unexpected(file.error());
    plan.epoch = file->epoch;
    if (may_hold(*file, range)) plan.stretches.push_back({file->first_offset, file->end_offset});
  }
  return plan;
}

}  // namespace lookout
