#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "bridge/archive/archive_reader.h"
#include "bridge/archive/file_summary.h"
#include "bridge/archive/selection.h"
#include "bridge/table_output.h"
#include "common/result.h"

namespace lookout {

/// The command query as it was typed.
struct QueryArguments {
  std::string from{}, to{};  ///< as parse_time_argument reads them; empty: the beginning, the end
  std::string topics{};      ///< an MQTT filter; empty: all
  RowKind kind = RowKind::readings;
  std::optional<TimeAxis> axis{};  ///< nothing: event, of messages arrival
  Format format = Format::table;
  std::optional<std::int64_t> limit{};
  std::string output{};  ///< a file, which is made or replaced; empty: stdout
};

/// A sentence about offsets that are missing.
std::string describe(const Gap& gap);

/// Which rows the arguments mean; fails with a sentence about the one that is wrong.
Result<Selection> make_selection(const QueryArguments& arguments, Timestamp now);

/// Says on stderr what an answer does not hold; returns the exit code: 1 where a file could not be read.
int tell(const Missing& missing);

/// Writes the rows of an archive; returns the exit code. What is missing is said on stderr: a file that could
/// not be read makes the exit code 1, what was missing before does not. A reader that goes away early
/// (`| head`) is no error.
int run_query(const std::filesystem::path& archive, const QueryArguments& arguments);

}  // namespace lookout
