#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/mqtt_session.h"
#include "common/outbox.h"
#include "common/stop_signals.h"
#include "common/supervisor.h"
#include "simulator/faults.h"
#include "simulator/ledger.h"
#include "simulator/pacer.h"
#include "simulator/plan.h"
#include "simulator/progress.h"
#include "simulator/tally.h"

namespace lookout {

/// Publishes messages when they are due, QoS 1, and stays until all are acknowledged: a broker that is away
/// is waited for, and what it did not acknowledge is sent again.
///
/// Threads: the caller's (makes and publishes), the supervisor's (connects, flushes the ledger, shows
/// progress), the MQTT library's (acknowledgements).
class Publisher {
 public:
  /// `ledger` may be null. All must outlive the publisher.
  Publisher(const Plan& plan, const SendOptions& options, Ledger* ledger, StopSignals& signals);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  /// Ends when everything is acknowledged; upon a stop, after what is on its way was given 5 s.
  Tally run(Faults& faults);

 private:
  void make_session(const MqttConfig& mqtt);
  bool publish(const Message& message);
  void acknowledged(std::uint64_t readings);
  void flush_ledger();
  void drain();
  [[nodiscard]] std::optional<double> seconds_left(EventClock::Steady::time_point now) const;

  const Plan& plan_;
  Ledger* const ledger_;
  StopSignals& signals_;
  const std::stop_token stop_;
  const double speed_;
  const EventClock clock_;
  Progress progress_;
  Tally tally_;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  Outbox outbox_;
  Supervisor supervisor_;
  std::unique_ptr<MqttSession> session_;
};

}  // namespace lookout
