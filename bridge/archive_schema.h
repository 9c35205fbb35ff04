#pragma once

#include <filesystem>

#include "bridge/archive_failure.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// The archive inside [box] state.
std::filesystem::path archive_path(const std::filesystem::path& state);

/// The schema this program writes, kept in PRAGMA user_version. 0 is a file without tables.
int newest_schema();

/// What the file says it is; refuses one that a newer program wrote. Throws SQLite::Exception.
ArchiveResult<int> schema_of(SQLite::Database& database, const std::filesystem::path& file);

/// Settings of the one connection that writes and checkpoints. Throws SQLite::Exception.
void configure_writer(SQLite::Database& database);

/// Brings a file from schema `from` to newest_schema(), each step all or nothing. Throws SQLite::Exception.
void upgrade_schema(SQLite::Database& database, int from);

}  // namespace lookout
