#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>

#include "common/reading.h"
#include "common/timestamp.h"

// How Lookout's values stand in the archive's columns. Included by the archive's own .cpp files only.
namespace lookout::sql {

inline std::int64_t value_of(Timestamp time) { return time.time_since_epoch().count(); }
inline std::int64_t value_of(std::uint64_t offset) { return static_cast<std::int64_t>(offset); }
inline std::int64_t seq_of(const Reading& reading) {
  return reading.seq ? static_cast<std::int64_t>(*reading.seq) : -1;
}

inline Timestamp time_of(const SQLite::Column& column) { return Timestamp{Microseconds{column.getInt64()}}; }
inline std::uint64_t offset_of(const SQLite::Column& column) {
  return static_cast<std::uint64_t>(column.getInt64());
}
inline std::string_view text_of(const SQLite::Column& column) {
  const char* text = column.getText();
  return {text, static_cast<std::size_t>(column.getBytes())};
}

}  // namespace lookout::sql
