#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config.h"
#include "common/message.h"
#include "common/result.h"

namespace lookout {

/// Told when the broker has acknowledged a publish (PUBACK). Called on the MQTT library's thread: take what
/// is needed and return; call nothing of the session.
class PublishReceipt {
 public:
  virtual void acknowledged() noexcept = 0;

 protected:
  ~PublishReceipt() = default;
};

struct SessionOptions {
  MqttConfig mqtt;
  std::string client_id;
  bool clean_session = false;
  std::vector<std::string> filters;  ///< subscribed anew on every connect, QoS 1
  std::optional<Outgoing> will;
  /// Where it is remembered what the broker may hold of former starts, which is left on connecting. Empty:
  /// nowhere.
  std::filesystem::path filters_file{};
};

/// What a session tells its owner. on_message is called on the MQTT library's thread, and the PUBACK goes out
/// when it returns: it must have put the message where a crash cannot take it, and it must not wait for
/// anything that itself waits for MQTT. on_session is called there too, before the first message of each
/// connection. The others are called from step(). `wake` may be called from any thread.
struct SessionEvents {
  std::function<void(const MessageView&)> on_message;
  std::function<void(bool resumed)> on_session;  ///< whether the broker had kept it
  std::function<void()> on_connected;
  std::function<void()> on_lost;
  std::function<void()> wake;  ///< step() has something to do
};

/// One MQTT 3.1.1 connection that is always there or on its way back. Its owner calls step() from one thread,
/// when wake was called and at the time that step() named. Retries are on the steady clock, 0.5 s to 8 s
/// apart with jitter.
class MqttSession {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~MqttSession() = default;

  /// Connects, reconnects, subscribes; never waits. Returns when it wants to be called next.
  virtual Clock::time_point step(Clock::time_point now) = 0;

  /// From here on step() leaves the broker, which keeps a session that is not clean and queues for it, and
  /// stays away until resume(). By the owner of step(), which is to be called next. May be called twice.
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Hands a message to the network, QoS 1; both arguments must live until the receipt was called or on_lost.
  /// False when there is no connection, or none any more: the message is to be sent again after on_connected.
  /// Safe from any thread but the callbacks'. A message sent before a lost connection gets no receipt.
  virtual bool send(const Outgoing& message, PublishReceipt& receipt) = 0;

  /// Says goodbye to the broker (no Last Will) and waits at most `patience`. Afterwards only destruction.
  virtual void close(std::chrono::milliseconds patience) = 0;
};

std::unique_ptr<MqttSession> make_paho_session(SessionOptions options, SessionEvents events);

}  // namespace lookout
