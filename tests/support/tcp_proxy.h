#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace lookout::test {

/// A bad network: forwards a port of its own to another one on the loopback, and does what networks do.
/// Threading: one thread of its own moves the bytes; the commands may come from any thread, and have taken
/// effect for all connections when they return.
class TcpProxy {
 public:
  /// Sees what one side sends, before the other does; called on the proxy's thread. `connection` counts from
  /// 0.
  using Tap = std::function<void(std::size_t connection, std::string_view bytes)>;

  /// `up` sees what the clients send, `down` what the server does.
  explicit TcpProxy(std::uint16_t server_port, Tap up = {}, Tap down = {});
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
  /// What clients send is swallowed, what the server sends arrives: of the connections that stand now.
  void mute();
  /// Every byte arrives that much later, either way, until resume().
  void delay(std::chrono::milliseconds by);
  /// That share of the pieces in which bytes come arrives 200 ms to 1 s later, and what is behind them no
  /// sooner: what TCP makes of lost packets. Until resume().
  void lose(double share);
  /// So many bytes a second arrive, either way, and up to 16 MiB wait for it, until resume().
  void slow_down(std::uint64_t bytes_per_second);
  /// Connections of the client whose CONNECT has this in it stand still, without anybody's noticing, and new
  /// ones too, until release() or resume().
  void hold(const std::string& client);
  void release(const std::string& client);
  void resume();

 private:
  class Connection;
  enum class Mode { forward, refuse, swallow };
  struct Line;

  void run(const std::stop_token& stop);
  void accept_one();
  void wake() const;

  const std::uint16_t server_port_;
  const Tap up_, down_;
  int listener_ = -1, wake_ = -1;
  std::uint16_t port_ = 0;

  std::mutex mutex_;  // guards what follows
  Mode mode_ = Mode::forward;
  std::unique_ptr<Line> line_;
  std::set<std::string> held_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::size_t accepted_ = 0;

  std::jthread thread_;
};

}  // namespace lookout::test
