#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "common/config.h"
#include "common/journal_format.h"

/// What the properties are tried on: a configuration and a short stream of journal records, both random.
namespace lookout::test {

/// One record, as plain data: removing one leaves all others as they are, which is what makes streams shrink.
struct Step {
  journal::Kind kind = journal::Kind::message;
  Timestamp arrival{};
  Microseconds connected{};
  bool trusted = true;
  // Of messages only.
  bool broken = false;  ///< the payload is no JSON
  unsigned sensor = 0;  ///< bit 0: its name, bit 1: the region's, bit 2: the network's
  unsigned metric = 0;  ///< 0 or 1
  std::optional<Timestamp> event_time{};
  double value = 1;
  std::optional<std::uint64_t> seq{};
  std::string boot{};

  [[nodiscard]] std::string network() const { return sensor & 4U ? "m" : "n"; }
  [[nodiscard]] std::string region() const { return sensor & 2U ? "south" : "north"; }
  [[nodiscard]] std::string sensor_name() const { return sensor & 1U ? "b" : "a"; }
  [[nodiscard]] std::string metric_name() const { return metric == 0 ? "t" : "u"; }
};

/// A record and the bytes it refers to.
struct Rendered {
  explicit Rendered(const Step& step, std::uint64_t offset);
  Rendered(const Rendered&) = delete;
  std::string topic, payload;
  journal::Record record;
};

struct Case {
  Config config;
  std::vector<Step> steps;
};

/// What a generator may do; the kinds of trouble that one property or another cannot have.
struct Trouble {
  bool clock = true;     ///< untrusted stamps, and a wall clock that jumps
  bool restarts = true;  ///< stamps of connected time that step back
  unsigned networks = 1;
};

/// A random case; `size` from 0 to 100: of 5 to 60 events, each one record or, for a lost link, two.
Case make_case(std::uint64_t seed, int size, const Trouble& trouble);

/// Simpler variants of a case, the boldest first.
std::vector<Case> shrink_case(const Case& original);

/// For people: the configuration and one line a record.
std::ostream& operator<<(std::ostream& out, const Case& shown);

}  // namespace lookout::test
