#pragma once

#include <cstdlib>
#include <string>

namespace lookout::test {

/// Programs that are started from now on have this library before all others, until preload_nothing().
inline void preload(const char* library) {
  const char* options = std::getenv("ASAN_OPTIONS");
  ::setenv("ASAN_OPTIONS", ((options ? options : "") + std::string(":verify_asan_link_order=0")).c_str(), 1);
  ::setenv("LD_PRELOAD", library, 1);
}
inline void preload_nothing() { ::unsetenv("LD_PRELOAD"); }

}  // namespace lookout::test
