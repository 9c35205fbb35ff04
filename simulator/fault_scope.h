#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/fault_options.h"
#include "simulator/random.h"
#include "simulator/sample.h"

namespace lookout {

/// What faults are judged against.
struct Field {
  const Catalogue& catalogue;
  Timestamp start;  ///< of the data
  Random random;
};

/// A scope applied to the sensors that are there. Pure.
class Affected {
 public:
  /// `purpose` and `number` (the fault's among those of its kind) make the draw of a share independent of
  /// others.
  Affected(const FaultScope& scope, const Field& field, Purpose purpose, std::size_t number);

  [[nodiscard]] bool hits(std::uint32_t sensor) const { return hit_[sensor]; }

  /// How long the fault has lasted by then; nothing when it does not.
  [[nodiscard]] std::optional<Microseconds> since(std::uint32_t sensor, Timestamp now) const;
  /// How often it has begun by then.
  [[nodiscard]] std::uint64_t begun(std::uint32_t sensor, Timestamp now) const;
  /// When it begins next; Timestamp::max() for never again.
  [[nodiscard]] Timestamp next_start(std::uint32_t sensor, Timestamp now) const;
  [[nodiscard]] const FaultScope& scope() const { return scope_; }

 private:
  [[nodiscard]] Timestamp start() const { return data_start_ + scope_.start; }

  FaultScope scope_;
  Timestamp data_start_;
  std::vector<bool> hit_;  // by sensor
};

}  // namespace lookout
