#pragma once

#include <filesystem>
#include <string>

#include "bridge/archive_reader.h"
#include "bridge/table_output.h"

namespace lookout {

/// The command query as it was typed.
struct QueryArguments {
  std::string from{}, to{};  ///< as parse_time_argument reads them; empty: the beginning, the end
  std::string topics{};      ///< an MQTT filter; empty: all
  RowKind kind = RowKind::readings;
  TimeAxis axis = TimeAxis::event;
  Format format = Format::table;
  std::optional<std::int64_t> limit{};
};

/// Which rows the arguments mean; fails with a sentence about the one that is wrong.
Result<Selection> make_selection(const QueryArguments& arguments, Timestamp now);

/// Prints the rows of an archive to stdout; returns the exit code. A reader that goes away early (`| head`)
/// is no error.
int run_query(const std::filesystem::path& archive, const QueryArguments& arguments);

}  // namespace lookout
