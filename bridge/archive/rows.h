#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "common/timestamp.h"

namespace lookout {

enum class CellType { integer, number, time, text, flag };

/// How NDJSON shows that there is nothing.
enum class Absent { null, left_out };

/// What stands in one column of an answer, and its name as users see it.
struct Column {
  std::string_view name;
  CellType type;
  Absent absent = Absent::null;
};

/// One value; nothing where the sensor gave none. Texts are valid only where the row was handed out.
using Cell = std::variant<std::monostate, std::int64_t, double, Timestamp, std::string_view, bool>;

}  // namespace lookout
