#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/timestamp.h"

namespace lookout {

/// Which sensors a fault hits, and when. At most one of sensor, region and share is given; none: all sensors.
/// Times count from the start of the data.
struct FaultScope {
  std::string sensor{}, region{};
  std::optional<double> share{};  ///< of all sensors, above 0; which ones follows from the seed, at least one
  Microseconds start{};
  Microseconds duration{};  ///< 0: to the end
  Microseconds every{};     ///< again after this time; longer than the duration; 0: once
};

/// Readings that jump by `amount`, on every metric or on one.
struct Spike {
  double share = 0, amount = 0;  ///< of readings, not of sensors
  std::string metric{};          ///< empty: all
};

enum class UploadOrder { oldest, newest };

/// Sensors without a link. Upon return each uploads what it measured meanwhile, at `rate` readings per
/// second. Oldest first: what it measures during the upload waits for its turn. Newest first: that is sent at
/// once.
struct Outage {
  FaultScope scope{};  ///< with a duration
  UploadOrder order = UploadOrder::oldest;
  double rate = 20;
};

/// Sensors that report a wrong time: one of offset, reset and drift. Nothing else changes, not even when they
/// send.
struct WrongClock {
  FaultScope scope{};
  Microseconds offset{};  ///< above 0: ahead
  Microseconds flap{};    ///< wrong and right in turn, each for this long; 0: wrong all the time
  bool reset = false;     ///< 1970-01-01T00:00:00Z at the scope's start, and on from there
  double drift = 0;       ///< seconds gained per day since the scope's start
};

/// Sensors whose first value from the scope's start on is repeated.
struct StuckValue {
  FaultScope scope{};
  std::string metric{};  ///< empty: all
};

/// Sensors that start anew at the scope's start: seq at 0, with the next boot id.
struct Reboot {
  FaultScope scope{};  ///< without a duration
};

/// How long messages travel, drawn for each of its own: evenly between one quantile and the next.
struct Delay {
  struct Quantile {
    double share;         ///< of messages, above 0 to 1
    Microseconds within;  ///< arrive within this time
  };
  std::vector<Quantile> quantiles;  ///< both members ascending; the last one's share is 1
};

using Fault = std::variant<Spike, Outage, WrongClock, StuckValue, Reboot, Delay>;

/// Shares are probabilities from 0 to 1, each judged per message (spikes: per reading) and independent of the
/// others.
struct FaultOptions {
  double duplicates =
      0;  ///< sent again up to 5 s later, though not beyond reorder_max where messages are reordered
  double reorder = 0;  ///< held back for up to reorder_max of event time
  Microseconds reorder_max = std::chrono::seconds{30};
  double lose = 0;  ///< never sent; the seq is used up
  std::vector<Fault> faults;
};

/// The faults of one kind, in the order in which they were given.
template <typename Kind>
std::vector<Kind> faults_of(const FaultOptions& options) {
  std::vector<Kind> found;
  for (const Fault& fault : options.faults) {
    if (const auto* kind = std::get_if<Kind>(&fault)) found.push_back(*kind);
  }
  return found;
}

}  // namespace lookout
