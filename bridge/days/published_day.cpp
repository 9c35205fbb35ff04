#include "bridge/days/published_day.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/archive/archive_reader.h"
#include "common/names.h"

namespace lookout {
namespace {

std::size_t column(std::string_view name) {
  const auto columns = columns_of(RowKind::aggregates);
  return static_cast<std::size_t>(std::ranges::find(columns, name, &Column::name) - columns.begin());
}

}  // namespace

Result<PublishedDay> PublishedDay::find(const std::filesystem::path& archive, const Day& day) {
  const std::size_t id = column("id"), revision = column("revision"), window = column("window"),
                    count = column("count"), late = column("late");
  const Selection selection{.kind = RowKind::aggregates,
                            .from = day.from,
                            .to = day.from + Microseconds{1},
                            .topics = fmt::format("aggregates/+/{}/#", kDayWindow)};
  PublishedDay published;
  const auto read = ArchiveReader(archive).read(selection, [&](std::span<const Cell> row) {
    if (std::get<std::string_view>(row[window]) != kDayWindow) return true;
    Entry& entry = published.entries_.try_emplace(hash_text(std::get<std::string_view>(row[id])), Entry{-1})
                       .first->second;
    if (std::get<std::int64_t>(row[revision]) > entry.revision) {
      entry = {std::get<std::int64_t>(row[revision]), std::get<std::int64_t>(row[count]),
               std::get<std::int64_t>(row[late])};
    }
    return true;
  });
  if (!read) return Failure(read.error());
  published.complete_ = read->damaged.empty();
  return published;
}

const PublishedDay::Entry* PublishedDay::operator[](std::string_view id) const {
  const auto found = entries_.find(hash_text(id));
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace lookout
