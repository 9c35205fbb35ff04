// Preloaded into a program: while the file SYNC_SHIM_FAIL exists, no sync of a file's data succeeds; while
// SYNC_SHIM_HANG exists, that of a snapshot does not end.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool exists(const char* variable) {
  const char* path = std::getenv(variable);
  return path && ::access(path, F_OK) == 0;
}

bool is_snapshot(int file) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path, sizeof(path));
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).ends_with("snapshot.new");
}

}  // namespace

extern "C" int fdatasync(int file) {
  if (exists("SYNC_SHIM_FAIL")) {
    errno = EIO;
    return -1;
  }
  while (exists("SYNC_SHIM_HANG") && is_snapshot(file)) ::usleep(10'000);
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return real(file);
}
