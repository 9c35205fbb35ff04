#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <memory>
#include <type_traits>

#include "bridge/archive/archive_failure.h"

namespace lookout {

ArchiveFailure describe(const SQLite::Exception& error, const std::filesystem::path& file);

/// Where SQLite's exceptions become values. Included by the archive's own .cpp files only.
template <typename Work>
ArchiveResult<std::invoke_result_t<Work>> guarded(const std::filesystem::path& file, Work&& work) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const SQLite::Exception& error) {
    return std::unexpected(describe(error, file));
  }
}

/// A connection that never writes and never checkpoints. `immutable`: the file is a closed one. Waits up to
/// five seconds for a lock.
ArchiveResult<std::unique_ptr<SQLite::Database>> open_read_only(const std::filesystem::path& file,
                                                                bool immutable);

/// Closed, or removed, since somebody saw it: then it is looked for again.
bool is_gone(const std::filesystem::path& file);
/// So often, before it is an error that files come and go.
inline constexpr int kMostTries = 10;

/// One use of a prepared statement. It is reset at the end: a read left unfinished would hold back
/// checkpoints.
class StatementUse {
 public:
  explicit StatementUse(SQLite::Statement& statement) : statement_(statement) {}
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  ~StatementUse() { statement_.tryReset(); }
  SQLite::Statement* operator->() { return &statement_; }

 private:
  SQLite::Statement& statement_;
};

}  // namespace lookout
