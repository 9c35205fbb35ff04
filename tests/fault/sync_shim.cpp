// Preloaded into a program: while the file SYNC_SHIM_FAIL exists, no sync of a file's data succeeds.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" int fdatasync(int file) {
  const char* fail = std::getenv("SYNC_SHIM_FAIL");
  if (fail && ::access(fail, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return real(file);
}
