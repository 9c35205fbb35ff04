#pragma once

#include "tests/support/box.h"
#include "tests/support/ledger.h"

namespace lookout::test {

/// The sensors of a test: lookout-simulator beside it, 200 of them in the past six hours, and the ledger of
/// what the broker had acknowledged to them.
class Load {
 public:
  /// `arguments`: more for the simulator.
  Load(const Box& box, const Broker& broker, std::vector<std::string> arguments = {});

  /// Starts them, at `speed` ("max": as fast as the broker takes them), and waits for the first reading.
  void start(const std::string& speed = "max", const std::string& interval = "500ms",
             const std::vector<std::string>& more = {});
  /// Until so many readings more are acknowledged.
  void await(std::uint64_t readings);
  /// Ends them: what was sent is acknowledged and in the ledger.
  void end();
  [[nodiscard]] bool is_running() { return simulator_->running(); }
  /// Lines of the ledger so far.
  [[nodiscard]] std::uint64_t acknowledged() { return count_(); }

 private:
  const Box& box_;
  const std::string port_;
  const std::vector<std::string> arguments_;
  LedgerCount count_;
  std::optional<ChildProcess> simulator_;
};

}  // namespace lookout::test
