#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace lookout::test {

/// A folder of the test's own, removed with everything in it at the end.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string slurp(const std::filesystem::path& file);
void spit(const std::filesystem::path& file, std::string_view content);

}  // namespace lookout::test
