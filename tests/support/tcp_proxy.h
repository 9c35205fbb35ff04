#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

namespace lookout::test {

/// A bad network: forwards a port of its own to another one on the loopback, and does what networks do.
/// Threading: one thread of its own moves the bytes; the commands may come from any thread, and have taken
/// effect for all connections when they return.
class TcpProxy {
 public:
  /// Sees what a client sends, before the server does; called on the proxy's thread. `connection` counts from
  /// 0.
  using Tap = std::function<void(std::size_t connection, std::string_view bytes)>;

  explicit TcpProxy(std::uint16_t server_port, Tap tap = {});
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Ends all connections with RST; new ones are forwarded.
  void cut();
  /// Ends all connections with RST, and new ones as soon as they come, until resume().
  void refuse();
  /// Connections stay open and everything on them is swallowed: those that stand never recover, new ones are
  /// accepted and swallowed until resume().
  void half_open();
  /// Every byte arrives that much later, either way, until resume().
  void delay(std::chrono::milliseconds by);
  void resume();

 private:
  class Connection;
  enum class Mode { forward, refuse, swallow };

  void run(const std::stop_token& stop);
  void accept_one();
  void wake() const;

  const std::uint16_t server_port_;
  const Tap tap_;
  int listener_ = -1, wake_ = -1;
  std::uint16_t port_ = 0;

  std::mutex mutex_;  // guards what follows
  Mode mode_ = Mode::forward;
  std::chrono::milliseconds delay_{0};
  std::list<std::unique_ptr<Connection>> connections_;
  std::size_t accepted_ = 0;

  std::jthread thread_;
};

}  // namespace lookout::test
