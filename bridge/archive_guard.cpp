#include "bridge/archive_guard.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace lookout {
namespace {

ArchiveFailure::Kind kind_of(int code) {
  switch (code) {
    // After a failed sync the kernel may have dropped the pages: a second sync that succeeds would prove
    // nothing.
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
      return ArchiveFailure::Kind::broken;
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
      return ArchiveFailure::Kind::try_again;
    default:
      return ArchiveFailure::Kind::broken;
  }
}

}  // namespace

ArchiveFailure describe(const SQLite::Exception& error, const std::filesystem::path& file) {
  const int code = error.getExtendedErrorCode();
  return {kind_of(code), fmt::format("archive '{}': {} (SQLite {})", file.string(), error.what(), code)};
}

}  // namespace lookout
