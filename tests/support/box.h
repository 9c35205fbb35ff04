#pragma once

#include <string>

#include "tests/support/broker.h"

namespace lookout::test {

/// A configured box: lookout.toml, a state folder, and the programs that a test starts in it.
class Box {
 public:
  /// `windows_and_rules` is TOML put behind the usual inputs (codecs lookout and flat) and the broker's
  /// address.
  Box(std::uint16_t port, const std::string& windows_and_rules);
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;
  /// Where a failed REQUIRE ends the test, prints the end of what the programs logged.
  ~Box();

  /// Writes another lookout.toml, as the constructor did.
  void configure(std::uint16_t port, const std::string& windows_and_rules);
  /// Starts the program and waits until its subscriptions stand (or only starts it).
  ChildProcess start(const std::string& name, bool wait_for_subscription = true);
  [[nodiscard]] std::string config() const { return (folder_ / "lookout.toml").string(); }
  [[nodiscard]] std::filesystem::path state() const { return folder_ / "state"; }
  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path ledger() const { return folder_ / "ledger"; }
  /// What the program has written to stderr, over all its starts.
  [[nodiscard]] std::string log(const std::string& name) const;

 private:
  TempFolder folder_;
};

/// The command that plays the wildfire at `speed` into a ledger in the box's folder: 50 sensors, 2 metrics,
/// every 30 s: 24,000 readings in 2 h, of 5 regions.
std::vector<std::string> wildfire(const Box& box, const Broker& broker, const std::string& speed);

/// `lookout-simulator ARGUMENTS --port ...`, to its end; throws when that is not exit code 0.
void simulate(const Broker& broker, std::vector<std::string> arguments);

}  // namespace lookout::test
