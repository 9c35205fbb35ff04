#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/identity.h"
#include "common/timestamp.h"

namespace lookout {

/// Index of a series in the SeriesTable that interned it; valid for the life of that table.
using SeriesId = std::uint32_t;

/// One measurement inside a message.
struct Reading {
  SeriesId series = 0;
  double value = 0;              ///< calibrated; at most 1e150 in magnitude
  Timestamp event_time;          ///< when the sensor measured; the arrival where it did not say
  bool time_is_arrival = false;  ///< the payload gave no event time
  std::optional<std::uint64_t> seq;
  std::string boot;  ///< at most 64 bytes; empty where the sensor gave none
  std::string unit;
  std::optional<Identity> identity;  ///< nothing: never de-duplicated
  bool identity_has_time = false;    ///< the event time is part of the identity
  bool identity_is_by_name = false;  ///< it is what the input's JSON pointers name: no field here tells it
};

/// Why a message or a reading in it was refused. The order is the order in statistics.
enum class Reason : std::uint8_t {
  not_json,
  not_utf8,
  no_value,
  not_a_number,
  bad_time,
  future,
  past,
  bad_name,
  too_large,
  no_input,
  too_many_series,
};
inline constexpr std::array<std::string_view, 11> kReasonNames{
    "not_json", "not_utf8", "no_value",  "not_a_number", "bad_time",       "future",
    "past",     "bad_name", "too_large", "no_input",     "too_many_series"};
inline std::string_view reason_name(Reason reason) { return kReasonNames[static_cast<std::size_t>(reason)]; }

/// A refused reading, or a whole message where `metric` is empty: counted as one, published on rejected/.
struct Refusal {
  Reason reason;
  std::string detail;  ///< a sentence for the person who looks after the sensor
  std::string metric;
};

}  // namespace lookout
