#include "bridge/books_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/sql_values.h"
#include "common/exit_code.h"

namespace lookout {
namespace {

// A gap may begin below the cursor: up to there it was counted when it was passed over, or its messages are
// in Kafka and were lost here afterwards.
void count_file(SQLite::Database& database, const KafkaCursor& cursor, ForwardBooks& books,
                std::uint64_t& end) {
  SQLite::Statement pending(database,
                            "SELECT count(*), coalesce(max(offset) + 1, 0) FROM messages WHERE offset >= ?");
  pending.bind(1, sql::value_of(cursor.offset));
  pending.executeStep();
  books.pending += sql::offset_of(pending.getColumn(0));
  end = std::max(end, sql::offset_of(pending.getColumn(1)));
  for (const Gap& gap : read_gaps(database)) {
    if (gap.end_offset > cursor.offset)
      (gap.is_eviction() ? books.evicted : books.lost) +=
          gap.end_offset - std::max(gap.first_offset, cursor.offset);
    end = std::max(end, gap.end_offset);
  }
}

int fail(const std::string& text) {
  fmt::print(stderr, "lookout-bridge: {}\n", text);
  return kExitFailed;
}

}  // namespace

ArchiveResult<ForwardBooks> count_books(const std::filesystem::path& archive, const KafkaCursor& cursor) {
  const auto names = list_archive(archive);
  if (!names) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, names.error()});
  ForwardBooks books{.forwarded = cursor.messages, .evicted = cursor.evicted, .lost = cursor.lost};
  std::uint64_t end = cursor.offset;
  for (const ArchiveName& name : *names) {
    const auto path = archive / to_text(name);
    const auto database = open_read_only(path, name.sealed);
    if (!database) return std::unexpected(database.error());
    if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
    const auto counted = guarded(path, [&] { count_file(**database, cursor, books, end); });
    if (!counted) return std::unexpected(counted.error());
  }
  books.offsets = end - std::min(end, cursor.begin);
  return books;
}

int books_command(const std::filesystem::path& folder, bool json) {
  const auto copy = load_cursor_copy(folder);
  if (!copy)
    return fail(
        fmt::format("nothing was ever forwarded from '{}': there is no account of it", folder.string()));
  const KafkaCursor& cursor = copy->cursor;
  const auto books = count_books(folder / "archive", cursor);
  if (!books) return fail(books.error().text);
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"offsets", books->offsets},
                                              {"forwarded", books->forwarded},
                                              {"pending", books->pending},
                                              {"evicted", books->evicted},
                                              {"lost", books->lost},
                                              {"difference", books->difference()}}
                           .dump());
  } else {
    fmt::print(
        "{:>15} messages since forwarding began, at offset {}\n"
        "{:>15} forwarded to Kafka\n{:>15} pending\n{:>15} evicted before they were forwarded\n"
        "{:>15} lost: in damaged files or at the journal's end\n{:>15} unaccounted for\n",
        books->offsets, cursor.begin, books->forwarded, books->pending, books->evicted, books->lost,
        books->difference());
  }
  return books->difference() == 0 ? kExitDone : kExitFailed;
}

}  // namespace lookout
