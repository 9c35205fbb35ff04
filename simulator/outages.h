#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulator/fault_scope.h"

namespace lookout {

/// A sample that leaves its sensor.
struct Departure {
  Sample sample;
  Timestamp at;             ///< true time
  std::uint64_t index = 0;  ///< of the sample at its source: what draws go by, whatever seq it carries
};

/// Delays what sensors without a link measure until they upload it. Where several outages hit a sensor, it is
/// back when none does; order and rate are those of the first one given. Keeps what waits to be uploaded
/// newest first, and for each sensor that uploads a little.
class Outages {
 public:
  /// At most one outage per sensor repeats, or it might never be back (check_faults).
  Outages(const std::vector<Outage>& outages, const Field& field);

  /// Nothing where it waits for returned(). Samples come in order of time.
  std::optional<Departure> pass(Departure departure);

  /// What waited for a return up to `until`: none of it leaves before its return. Called before pass() with
  /// what is later than that.
  std::vector<Departure> returned(Timestamp until);

  /// Whether two that repeat hit this sensor.
  [[nodiscard]] bool may_never_return(std::uint32_t sensor) const;

 private:
  struct Link {
    Affected affected;
    UploadOrder order;
    Microseconds per_reading;
  };
  struct Upload {
    Microseconds per_reading{};
    Timestamp free{};  // when the next reading may leave
  };
  struct Backlog {
    Microseconds per_reading{};
    std::vector<Departure> waiting;  // the newest last
  };
  [[nodiscard]] const Link* down(std::uint32_t sensor, Timestamp now) const;
  [[nodiscard]] Timestamp back_online(std::uint32_t sensor, Timestamp now) const;
  [[nodiscard]] Timestamp next_outage(std::uint32_t sensor, Timestamp now) const;
  Departure queue(Departure departure, const Link* link);
  void wait(Departure departure, const Link& link);
  void unload(std::uint32_t sensor, Timestamp at, std::vector<Departure>& out);

  std::vector<Link> links_;
  std::unordered_map<std::uint32_t, Upload> uploads_;      // oldest first, by sensor
  std::unordered_map<std::uint32_t, Backlog> backlogs_;    // newest first, by sensor
  std::set<std::pair<Timestamp, std::uint32_t>> returns_;  // of sensors with a backlog
};

}  // namespace lookout
