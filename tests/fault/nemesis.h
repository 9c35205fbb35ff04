#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/fault/site.h"
#include "tests/support/small_disk.h"

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
  delay,
  loss,
  disk_full,
  clock_step,
  pause_bridge,
  kill_bridge
};

/// Room on a disk that is filled now and then, when it is not.
inline constexpr std::size_t kRoomMib = 1024;

/// What some faults need of the test.
struct Tools {
  WallClock* clock = nullptr;       ///< the site's, for clock_step
  const SmallDisk* disk = nullptr;  ///< where its state lies, for disk_full
};

/// Strikes at random, after a random time of peace; every fault is over when strike() returns, what follows
/// from it (restarts, reconnects) is not. A program that has ended, as it may for a full disk, is started
/// again, as a supervisor would. The same seed gives the same faults and times.
class Nemesis {
 public:
  Nemesis(Site& site, std::uint64_t seed, std::vector<Fault> faults, Tools tools = {})
      : site_(site), seed_(seed), random_(seed), faults_(std::move(faults)), tools_(tools) {}

  void strike();
  void strike(unsigned times) {
    while (times-- > 0) strike();
  }
  [[nodiscard]] bool inflicted(Fault fault) const { return inflicted_.contains(fault); }
  /// "seed 7: 12 kill_gateway, 3 cut"
  [[nodiscard]] std::string text() const;

 private:
  void inflict(Fault fault);
  void fill_disk();
  void step_clock();
  void revive();
  template <typename Process>
  void pause(const Process& process);
  void rest(std::chrono::milliseconds from, std::chrono::milliseconds to);

  Site& site_;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<Fault> faults_;
  Tools tools_;
  std::map<Fault, unsigned> inflicted_;
};

}  // namespace lookout::test
