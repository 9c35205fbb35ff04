#include "bridge/books_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_name.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/listed_file.h"
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

/// Counts what the files of an archive hold, those at `names`.
class Account {
 public:
  explicit Account(const KafkaCursor& cursor) : cursor_(cursor), end_(cursor.offset) {
    books_.forwarded = cursor.messages;
    books_.evicted = cursor.evicted;
    books_.lost = cursor.lost;
  }
  ArchiveResult<void> add(const std::filesystem::path& archive, const ArchiveName& name);
  ForwardBooks finish() {
    books_.offsets = end_ - std::min(end_, cursor_.begin);
    return std::move(books_);
  }

 private:
  const KafkaCursor& cursor_;
  ForwardBooks books_;
  std::uint64_t end_;
};

ArchiveResult<void> Account::add(const std::filesystem::path& archive, const ArchiveName& name) {
  const auto counted =
      open_listed(archive, name, [&](const std::filesystem::path& path, bool closed) -> ArchiveResult<bool> {
        const auto database = open_read_only(path, closed);
        if (!database) return std::unexpected(database.error());
        if (auto known = check_schema(**database, path); !known) return std::unexpected(known.error());
        const auto done = guarded(path, [&] { count_file(**database, cursor_, books_, end_); });
        return done ? ArchiveResult<bool>(true) : std::unexpected(done.error());
      });
  if (counted) return {};
  if (counted.error().kind != ArchiveFailure::Kind::damaged) return std::unexpected(counted.error());
  books_.passed_over.push_back(counted.error().text);
  return {};
}

ArchiveResult<std::vector<ArchiveName>> names_of(const std::filesystem::path& archive) {
  auto names = list_archive(archive);
  if (names) return std::move(*names);
  return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::try_again, std::move(names.error())});
}

ArchiveResult<ForwardBooks> count(const std::filesystem::path& archive, const std::vector<ArchiveName>& names,
                                  const KafkaCursor& cursor) {
  Account account(cursor);
  for (const ArchiveName& name : names) {
    if (auto added = account.add(archive, name); !added) return std::unexpected(added.error());
  }
  return account.finish();
}

int fail(const std::string& text) {
  fmt::print(stderr, "lookout-bridge: {}\n", text);
  return kExitFailed;
}

using Lines = std::vector<std::tuple<const char*, std::int64_t, std::string>>;  // key, figure, in words

Lines lines_of(const ForwardBooks& books, const std::optional<KafkaCursor>& cursor) {
  const auto figure = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
  const char* const kLost = "lost: in damaged files or at the journal's end";
  if (!cursor) {
    return {{"offsets", figure(books.offsets), "messages; nothing was ever forwarded to Kafka"},
            {"archived", figure(books.pending), "in the archive"},
            {"evicted", figure(books.evicted),
             "gone: retention took them, or they were lost before what is there"},
            {"lost", figure(books.lost), kLost},
            {"difference", books.difference(), "unaccounted for"}};
  }
  return {{"offsets", figure(books.offsets),
           fmt::format("messages since forwarding began, at offset {}", cursor->begin)},
          {"forwarded", figure(books.forwarded), "forwarded to Kafka"},
          {"pending", figure(books.pending), "pending"},
          {"evicted", figure(books.evicted), "evicted before they were forwarded"},
          {"lost", figure(books.lost), kLost},
          {"difference", books.difference(), "unaccounted for"}};
}

}  // namespace

ArchiveResult<ForwardBooks> count_books(const std::filesystem::path& archive, const KafkaCursor& cursor) {
  const auto names = names_of(archive);
  return names ? count(archive, *names, cursor) : std::unexpected(names.error());
}

ArchiveResult<ForwardBooks> count_books(const std::filesystem::path& archive) {
  const auto names = names_of(archive);
  if (!names) return std::unexpected(names.error());
  const std::uint64_t first = names->empty() ? 0 : names->front().first_offset;
  auto books = count(archive, *names, KafkaCursor{.offset = first});
  if (books) books->evicted += first;
  return books;
}

int books_command(const std::filesystem::path& folder, bool json) {
  const auto archive = folder / "archive";
  if (!is_there(archive))
    return fail(fmt::format("there is no archive '{}': lookout-bridge run makes it", archive.string()));
  const auto copy = load_cursor_copy(folder);
  const auto cursor = copy ? std::optional(copy->cursor) : std::nullopt;
  const auto books = cursor ? count_books(archive, *cursor) : count_books(archive);
  if (!books) return fail(books.error().text);
  nlohmann::ordered_json object;
  for (const auto& [key, figure, words] : lines_of(*books, cursor)) {
    object[key] = figure;
    if (!json) fmt::print("{:>15} {}\n", figure, words);
  }
  if (json) fmt::print("{}\n", object.dump());
  for (const std::string& damaged : books->passed_over) fail(damaged + ": passed over");
  return books->difference() == 0 && books->passed_over.empty() ? kExitDone : kExitFailed;
}

}  // namespace lookout
