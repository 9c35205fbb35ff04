// Preloaded into a program: while the file SYNC_SHIM_FAIL exists, no sync of a file's data succeeds, and where
// SYNC_SHIM_ONLY is set, only none of files whose path ends so, after two seconds; while SYNC_SHIM_HANG exists, that
// of a snapshot does not end.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

bool exists(const char* variable) {
  const char* path = std::getenv(variable);
  return path && ::access(path, F_OK) == 0;
}

bool ends_with(int file, std::string_view end) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), error);
  return path.string().ends_with(end);
}

}  // namespace

extern "C" int fdatasync(int file) {
  const char* only = std::getenv("SYNC_SHIM_ONLY");
  if (exists("SYNC_SHIM_FAIL") && (!only || ends_with(file, only))) {
    if (only) ::sleep(2);
    errno = EIO;
    return -1;
  }
  while (exists("SYNC_SHIM_HANG") && ends_with(file, "snapshot.new")) ::usleep(10'000);
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return real(file);
}
