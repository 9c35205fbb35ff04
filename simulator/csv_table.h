#pragma once

#include <csv.h>

#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"

namespace lookout {

/// The rows of a CSV file (RFC 4180), one at a time. The one door to libcsv. Threading: one owner.
class CsvTable {
 public:
  using Row = std::vector<std::string>;

  static Result<std::unique_ptr<CsvTable>> open(const std::filesystem::path& path);
  CsvTable(const CsvTable&) = delete;
  CsvTable& operator=(const CsvTable&) = delete;
  ~CsvTable();

  /// The next row, the header being the first; blank lines are none. False at the end; fails when the file
  /// cannot be read.
  Result<bool> next(Row& row);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  CsvTable(File file, std::filesystem::path path);
  Result<void> parse_more();
  static void on_field(void* bytes, std::size_t size, void* self);
  static void on_row(int terminator, void* self);

  const File file_;
  const std::filesystem::path path_;
  csv_parser parser_{};
  bool first_ = true, ended_ = false;
  Row row_;               // not complete yet
  std::deque<Row> rows_;  // at most those of one chunk
};

}  // namespace lookout
