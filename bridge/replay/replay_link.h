#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "common/config.h"
#include "common/mqtt_session.h"
#include "common/outbox.h"
#include "common/supervisor.h"

namespace lookout {

/// A replay's way to the gateway and back: waits for a broker that is away and then sends again what was not
/// acknowledged, in order.
///
/// Two MQTT sessions. In one, each PUBACK for what was received would hold up what is sent next for the 40 ms
/// in which the broker's TCP puts off its ACK (Nagle's algorithm, which the MQTT library leaves on). Nothing
/// is sent while nobody would hear the answer.
///
/// Threads: the caller's (publishes, waits), the supervisor's (connects), the MQTT library's (what comes).
class ReplayLink {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    MqttConfig mqtt;
    std::string job;
    bool with_results = false;  ///< hand out the job's aggregates, and those of the live gateway
  };
  /// Called on the MQTT library's thread with each message on aggregates/# and replay/{job}/aggregates/#.
  using OnResult = std::function<void(const MessageView&)>;

  ReplayLink(const Options& options, OnResult on_result);
  ReplayLink(const ReplayLink&) = delete;
  ReplayLink& operator=(const ReplayLink&) = delete;
  ~ReplayLink();

  /// Also calls `task` on the supervisor's thread; before start().
  void add(Supervisor::Task task) { supervisor_.add(std::move(task)); }
  void start() { supervisor_.start(); }

  /// How a wait ended.
  enum class Waited { there, overdue, stopped };
  /// Until a gateway says that it is online.
  Waited await_gateway(Clock::duration patience, const std::stop_token& stop);
  /// Whether the broker ever let it in.
  [[nodiscard]] bool was_connected() const { return was_connected_; }
  /// Waits while 1,000 messages or 16 MiB are not acknowledged; false when stopped before.
  bool publish(Outgoing message, const std::stop_token& stop);
  /// Asks the gateway whether it is through with what was published, results and all, and waits. How long
  /// the answer took; nothing when it did not come within `patience`, the job ended, or `stop` was requested.
  std::optional<Clock::duration> ask(Clock::duration patience, const std::stop_token& stop);
  /// Whether a gateway is online and has given no sign of the job for so long, `since` then at the earliest.
  [[nodiscard]] bool was_silent(Clock::time_point since, Clock::duration patience) const;
  /// Until the broker has everything; false when stopped before.
  bool drain(const std::stop_token& stop);
  /// Until the job's summary is there. `patience` begins anew as long as results come or the gateway says
  /// that it has a backlog to work off.
  Waited await_summary(Clock::duration patience, const std::stop_token& stop);
  [[nodiscard]] bool has_summary() const { return has_summary_; }
  /// As it came; nothing as long as there is none.
  [[nodiscard]] std::optional<std::string> summary() const;

 private:
  void make_sessions(const Options& options);
  void take(const MessageView& message);
  void hear_gateway(const MessageView& message);
  void hear_progress(const MessageView& message);
  template <typename Condition>
  Waited await(Clock::duration patience, const std::stop_token& stop, Condition is_there);

  const std::string job_, job_topics_;  // "replay/{job}/"
  const OnResult on_result_;
  Outbox outbox_;
  Supervisor supervisor_;
  std::unique_ptr<MqttSession> sender_, listener_;
  std::uint64_t published_ = 0;
  std::atomic<bool> has_summary_ = false, was_connected_ = false, is_listening_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::set<std::string> online_;  // topics of the gateways that are
  std::optional<std::string> summary_;
  std::uint64_t asked_ = 0;  // the last mark
  bool is_reached_ = false;  // that mark
  Clock::time_point last_sign_ = Clock::time_point::min();
};

}  // namespace lookout
