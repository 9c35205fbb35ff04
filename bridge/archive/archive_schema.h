#pragma once

#include <cstdint>
#include <filesystem>

#include "bridge/archive/archive_failure.h"

namespace SQLite {
class Database;
}

namespace lookout {

/// The schema of a file of the archive, kept in PRAGMA user_version. 1 and 2 were those of an archive in one
/// file, archive.db; 0 is a file without tables.
inline constexpr int kArchiveSchema = 3;
inline constexpr std::uint64_t kArchivePage = 4096;

/// Fails for a file that is not one of the archive's, or that a newer program wrote. Throws
/// SQLite::Exception.
ArchiveResult<void> check_schema(SQLite::Database& database, const std::filesystem::path& file);

/// Settings of a connection that writes. Throws SQLite::Exception.
void configure_writer(SQLite::Database& database);

/// How readings are kept: as they come while the file is open, by series and time once it is closed.
enum class Order { arrival, series };

/// The tables of a new file, with the one row of `file`. To be followed by create_indexes() when the rows
/// are there, or at once. Throws SQLite::Exception.
void create_tables(SQLite::Database& database, Order order, std::uint64_t epoch, std::uint64_t first_offset);
/// Indexes and views; from here on the file has a schema. Throws SQLite::Exception.
void create_indexes(SQLite::Database& database, Order order);

}  // namespace lookout
