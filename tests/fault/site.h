#pragma once

#include <random>

#include "tests/fault/load.h"
#include "tests/fault/wall_clock.h"
#include "tests/support/ledger_check.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/text.h"

namespace lookout::test {

struct SiteOptions {
  std::string windows_and_rules{};                         ///< more of them
  std::string overrides{};                                 ///< TOML whose values win over the site's
  TcpProxy::Tap tap{};                                     ///< sees what the gateway sends
  TcpProxy::Tap tap_down{};                                ///< and what it is sent
  std::function<void(const Box&)> before_start = nullptr;  ///< of the gateway
  const WallClock* clock = nullptr;                        ///< of gateway and bridge, if not the true one
  std::string broker{};                                    ///< more of its configuration
  std::filesystem::path broker_data{};                     ///< where it saves its queues, if not beside it
};

/// A journal so small that a snapshot is made, and segments are dropped, every few MiB: often between two
/// kills.
inline const SiteOptions kSnapshotsOften{.windows_and_rules =
                                             "[journal]\nlimit = \"32 MiB\"\nsegment = \"1 MiB\"\n"};

/// A box in the field, and those who watch it: the gateway reaches Mosquitto through a bad network, the
/// sensors and the witness do not. A bridge, where there is one, does as the gateway does. Windows "s" (10 s,
/// by sensor) and "r" (10 s, by region), a rule "Hot" over "r", lag and idle 3 s, keepalive 5 s.
class Site {
 public:
  explicit Site(const SiteOptions& options = {});

  Broker broker;
  TcpProxy proxy;
  Box box;
  Observer observer;
  ChildProcess gateway;
  std::optional<ChildProcess> bridge{};
  Load load{
      box, broker, {"--fire", "region=north,start=60s,duration=60s,every=180s,ramp=10s,temperature=30"}};

  /// Starts one of the two after its end.
  void start_gateway(bool wait_for_subscription = false);
  void start_bridge(bool wait_for_subscription = false);
  /// Kills it with -9 and starts it again at once.
  void restart_gateway();
  void restart_bridge();
  /// Kills the broker with -9 and starts it again, after the time that it is `away`; the gateway is let on to
  /// it when the witness is back.
  void kill_broker(std::chrono::seconds away = std::chrono::seconds{0});
  void restart_broker();

  /// What a user asks of the bridge: every reading that is archived.
  [[nodiscard]] std::vector<LedgerEntry> archived() const;

  /// Every reading that the sensors had acknowledged.
  [[nodiscard]] Batch batch() const;
  [[nodiscard]] static Batch empty_batch();

  /// Waits until the witness has seen all readings of the batch in window "s", and then newer statistics;
  /// compares.
  LedgerReport settle(
      const Batch& batch, std::chrono::seconds patience = std::chrono::seconds{120},
      const std::function<bool(const std::string&)>& keep = [](const auto&) { return true; });
  /// What the witness has seen.
  Outputs& look();
  /// How often the gateway's log says so.
  [[nodiscard]] std::size_t logged(std::string_view words) const {
    return occurrences(box.log("gateway"), words);
  }

 private:
  const WallClock* const clock_;
  Outputs outputs_{"s"};
};

/// LOOKOUT_SEED, or another one each time; printed with the figures, so that a failure can be had again.
std::uint64_t fault_seed();
/// LOOKOUT_KILLS, or what the test wants.
unsigned fault_count(unsigned usual);

}  // namespace lookout::test
