// Preloaded into a program: a disk that fails.
//   SYNC_SHIM_FAIL  while this file exists no sync of a file or folder succeeds: EIO, or what it says, EROFS
//   SYNC_SHIM_ONLY  only of files whose path ends so, and after two seconds
//   SYNC_SHIM_HANG  while this file exists, the sync of a file does not end whose path ends as it says
//   SYNC_SHIM_BAD   "NAME:POSITION": of files whose path ends in NAME the byte at POSITION cannot be read
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string_view setting(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

bool ends_with(int file, std::string_view end) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), error);
  return path.string().ends_with(end);
}

bool sync_fails(int of) {
  const auto only = setting("SYNC_SHIM_ONLY");
  const char* const fail = std::getenv("SYNC_SHIM_FAIL");
  const int file = fail && (only.empty() || ends_with(of, only)) ? ::open(fail, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return false;
  if (!only.empty()) ::sleep(2);
  char first[5] = {};
  const bool read_only = ::read(file, first, sizeof(first)) == 5 && std::string_view(first, 5) == "EROFS";
  ::close(file);
  errno = read_only ? EROFS : EIO;
  return true;
}

bool hangs(int file) {
  const char* const hang = std::getenv("SYNC_SHIM_HANG");
  const int says = hang ? ::open(hang, O_RDONLY | O_CLOEXEC) : -1;
  if (says < 0) return false;
  char end[32] = {};
  const bool is_said = ::read(says, end, sizeof(end) - 1) > 0;
  ::close(says);
  return is_said && ends_with(file, end);
}

// Where in the file, or -1.
off_t bad_byte_of(int file) {
  const auto bad = setting("SYNC_SHIM_BAD");
  const auto colon = bad.find(':');
  if (colon == std::string_view::npos || !ends_with(file, bad.substr(0, colon))) return -1;
  return std::atoll(bad.data() + colon + 1);
}

}  // namespace

extern "C" int fdatasync(int file) {
  static auto* const next = real<int(int)>("fdatasync");
  while (hangs(file)) ::usleep(10'000);
  return sync_fails(file) ? -1 : next(file);
}

extern "C" int fsync(int file) {
  static auto* const next = real<int(int)>("fsync");
  return sync_fails(file) ? -1 : next(file);
}

// As the kernel does: what comes before the page is read, and only who begins there is told.
extern "C" ssize_t pread(int file, void* to, std::size_t size, off_t position) {
  static auto* const next = real<ssize_t(int, void*, std::size_t, off_t)>("pread");
  constexpr off_t kPage = 4096;
  const off_t bad = bad_byte_of(file);
  const off_t begin = bad / kPage * kPage;
  if (bad < 0 || position >= begin + kPage || position + static_cast<off_t>(size) <= begin)
    return next(file, to, size, position);
  if (position < begin) return next(file, to, static_cast<std::size_t>(begin - position), position);
  errno = EIO;
  return -1;
}
