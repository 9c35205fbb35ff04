#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/fault/site.h"

namespace lookout::test {

/// What is done to a site.
enum class Fault {
  kill_gateway,
  pause_gateway,
  pause_broker,
  restart_broker,
  kill_broker,
  cut,
  half_open,
  delay
};

/// Strikes at random, after a random time of peace; every fault is over when strike() returns, what follows
/// from it (restarts, reconnects) is not. The same seed gives the same faults and times.
class Nemesis {
 public:
  Nemesis(Site& site, std::uint64_t seed, std::vector<Fault> faults)
      : site_(site), seed_(seed), random_(seed), faults_(std::move(faults)) {}

  void strike();
  void strike(unsigned times) {
    while (times-- > 0) strike();
  }
  /// "seed 7: 12 kill_gateway, 3 cut"
  [[nodiscard]] std::string text() const;

 private:
  void inflict(Fault fault);
  template <typename Process>
  void pause(const Process& process);
  void rest(std::chrono::milliseconds from, std::chrono::milliseconds to);

  Site& site_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<Fault> faults_;
  std::map<Fault, unsigned> inflicted_;
};

}  // namespace lookout::test
