#include "bridge/archive/archive_guard.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <thread>

#include "common/disk_room.h"

namespace lookout {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr const char* kUnchanging = "?mode=ro&immutable=1";
constexpr auto kPatience = std::chrono::milliseconds{200};
// What SQLite needs beside a file that is opened: 32 KiB for a -shm, some pages for the rest.
constexpr std::uint64_t kLeastRoom = std::uint64_t{64} << 10;
constexpr auto kBetweenTries = std::chrono::milliseconds{20};

// What has a meaning of its own in an SQLite URI is written as %hh.
std::string uri_of(const std::filesystem::path& file, const char* mode) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(file).string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      uri += c;
    }
  }
  return uri + mode;
}

std::unique_ptr<SQLite::Database> connect(const std::filesystem::path& file, const char* mode) {
  auto database = std::make_unique<SQLite::Database>(
      uri_of(file, mode), SQLite::OPEN_READONLY | SQLite::OPEN_URI | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
  sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // A sort that outgrows the cache goes to a file only when temporary stores may.
  database->exec(
      "PRAGMA cache_size = -2048; PRAGMA temp_store = FILE; PRAGMA mmap_size = 0;"
      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  database->execAndGet("PRAGMA user_version");  // nothing is read before
  return database;
}

ArchiveResult<std::unique_ptr<SQLite::Database>> connect_to_changing(const std::filesystem::path& file) {
  auto connected = guarded(file, [&] { return connect(file, "?mode=ro"); });
  // Without -wal no bridge is writing it. Then nothing but the missing right to make a -shm beside the file,
  // as in a copy on a read-only medium, or the missing room, stands in the way of reading it. Where there is
  // no room the attempt has left an empty -wal; a bridge that was writing would have made the -shm.
  std::error_code error;
  if (connected || !std::filesystem::exists(file, error)) return connected;
  const std::filesystem::path log = file.string() + "-wal";
  const bool lacks_room = connected.error().kind == ArchiveFailure::Kind::disk_full;
  if (!std::filesystem::exists(log, error) || (lacks_room && std::filesystem::file_size(log, error) == 0))
    connected = guarded(file, [&] { return connect(file, kUnchanging); });
  return connected;
}

ArchiveFailure::Kind kind_of(int code) {
  switch (code) {
    // After a failed sync the kernel may have dropped the pages: a second sync that succeeds would prove
    // nothing.
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
    // Nor can a connection follow a file that was moved away.
    case SQLITE_READONLY_DBMOVED:
      return ArchiveFailure::Kind::broken;
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
      return ArchiveFailure::Kind::damaged;
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ArchiveFailure::Kind::disk_full;
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    // A folder or a file without the right to write: somebody can give it.
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return ArchiveFailure::Kind::try_again;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ArchiveFailure::Kind::damaged;
    default:
      return ArchiveFailure::Kind::broken;
  }
}

}  // namespace

ArchiveFailure describe(const SQLite::Exception& error, const std::filesystem::path& file) {
  const int code = error.getExtendedErrorCode();
  auto kind = kind_of(code);
  // That a -shm, or a new file, finds no room is to SQLite a failure like any other.
  if (kind == ArchiveFailure::Kind::try_again && (code & 0xff) != SQLITE_BUSY &&
      disk_room(file.parent_path()).value_or(kLeastRoom) < kLeastRoom)
    kind = ArchiveFailure::Kind::disk_full;
  return {kind, fmt::format("archive '{}': {} (SQLite {})", file.string(), error.what(), code)};
}

ArchiveResult<std::unique_ptr<SQLite::Database>> open_read_only(const std::filesystem::path& file,
                                                                bool immutable) {
  if (immutable) return guarded(file, [&] { return connect(file, kUnchanging); });
  const auto begin = std::chrono::steady_clock::now();
  auto connected = connect_to_changing(file);
  // Its writer may be leaving it: -wal and -shm go one after the other, and then the file. Who has waited for
  // a lock has waited long enough.
  while (!connected && connected.error().kind == ArchiveFailure::Kind::try_again && !is_gone(file) &&
         std::chrono::steady_clock::now() < begin + kPatience) {
    std::this_thread::sleep_for(kBetweenTries);
    connected = connect_to_changing(file);
  }
  return connected;
}

bool is_gone(const std::filesystem::path& file) {
  std::error_code error;
  return !std::filesystem::exists(file, error) && !error;
}

}  // namespace lookout
