#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

#include "bridge/archive/selection.h"

namespace lookout {

/// The statement for one file's rows of a selection: two columns with the row's place (RowPlace), then those
/// of columns_of(). Needs the function that add_topic_matches() adds. Included by the archive's own .cpp
/// files only.
std::string sql_of(const Selection& selection, bool closed);
void bind_selection(SQLite::Statement& statement, const Selection& selection);
void add_topic_matches(SQLite::Database& database);

/// SELECTs the numbers of the ten minutes by which the index readings_by_time of an open file begins, those
/// that hold readings, of the range between two SQL expressions (NULL: the beginning, the end).
std::string sql_of_stretches(const char* from, const char* to);

}  // namespace lookout
