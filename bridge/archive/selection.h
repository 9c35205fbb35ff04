#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bridge/archive/rows.h"

namespace lookout {

enum class RowKind { readings, aggregates, messages };
enum class TimeAxis {
  event,  ///< when the sensor measured; for aggregates the window's start; messages have none
  arrival
};

/// Which rows: those with from <= time < to, on topics that the MQTT filter matches.
struct Selection {
  RowKind kind = RowKind::readings;
  TimeAxis axis = TimeAxis::event;
  std::optional<Timestamp> from{}, to{};
  std::string topics{};  ///< empty: all
  std::optional<std::int64_t> limit{};
};

/// The columns that rows of a kind have, in order.
std::span<const Column> columns_of(RowKind kind);

}  // namespace lookout
