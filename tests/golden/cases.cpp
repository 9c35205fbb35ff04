#include "tests/golden/cases.h"

#include <catch2/catch.hpp>
#include <cstdlib>

namespace lookout::test {

std::optional<std::filesystem::path> case_folder(const std::string& name) {
  const char* cases = std::getenv("LOOKOUT_CASES");
  if (cases != nullptr && std::filesystem::exists(std::filesystem::path(cases) / name))
    return std::filesystem::path(cases) / name;
  WARN("skipped: no case data (LOOKOUT_CASES)");
  return std::nullopt;
}

}  // namespace lookout::test
