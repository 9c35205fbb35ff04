#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lookout::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostQueued = std::size_t{16} << 20;  // a way; then the sender has to wait

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_at_once(int socket) {
  constexpr int kOn = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof(kOn));
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket);
    return -1;
  }
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  send_at_once(socket);
  return socket;
}

void reset(int& socket) {
  if (socket < 0) return;
  constexpr linger kAbort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &kAbort, sizeof(kAbort));
  ::close(std::exchange(socket, -1));
}

// One way of a connection: bytes that wait for their time, then the end.
class Flow {
 public:
  /// `takes`: how long the bytes are on the way behind those before them.
  void push(std::string_view bytes, Clock::time_point due, Clock::duration takes) {
    queued_ += bytes.size();
    last_due_ = std::max(due, last_due_) + takes;
    chunks_.push_back({last_due_, std::string(bytes)});
  }
  void end() { ended_ = true; }

  // False when the receiver is gone.
  bool write_due(int to, Clock::time_point now) {
    while (!chunks_.empty() && chunks_.front().due <= now) {
      std::string& bytes = chunks_.front().bytes;
      const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      queued_ -= static_cast<std::size_t>(sent);
      bytes.erase(0, static_cast<std::size_t>(sent));
      if (bytes.empty()) chunks_.pop_front();
    }
    if (over()) ::shutdown(to, SHUT_WR);
    return true;
  }

  [[nodiscard]] bool over() const { return ended_ && chunks_.empty(); }
  [[nodiscard]] bool takes_more() const { return !ended_ && queued_ < kMostQueued; }
  [[nodiscard]] std::optional<Clock::time_point> due() const {
    return chunks_.empty() ? std::nullopt : std::optional(chunks_.front().due);
  }

 private:
  struct Chunk {
    Clock::time_point due;
    std::string bytes;
  };
  std::deque<Chunk> chunks_;
  Clock::time_point last_due_ = Clock::time_point::min();
  std::size_t queued_ = 0;
  bool ended_ = false;
};

enum class Heard { something, end, reset };

template <typename Take>
Heard hear(int from, Take take) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got == 0) return Heard::end;
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Heard::something : Heard::reset;
  take(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  return Heard::something;
}

}  // namespace

// What all connections have in common.
struct TcpProxy::Line {
  std::chrono::milliseconds delay{0};
  double lost = 0;
  std::uint64_t bytes_per_second = 0;  // 0: as many as come
  std::minstd_rand random{std::random_device{}()};

  void push(Flow& flow, std::string_view bytes, Clock::time_point now) {
    constexpr std::chrono::milliseconds kShortest{200}, kLongest{1000};
    auto due = now + delay;
    if (lost > 0 && std::bernoulli_distribution(lost)(random))
      due += std::chrono::milliseconds{
          std::uniform_int_distribution(kShortest.count(), kLongest.count())(random)};
    flow.push(bytes, due,
              bytes_per_second == 0
                  ? std::chrono::nanoseconds{0}
                  : std::chrono::nanoseconds{bytes.size() * 1'000'000'000 / bytes_per_second});
  }
};

class TcpProxy::Connection {
 public:
  Connection(int client, int server, bool swallowed, std::size_t number, const TcpProxy& proxy)
      : client_(client), server_(server), swallowed_(swallowed), number_(number), proxy_(proxy) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    reset(client_);
    reset(server_);
  }

  void swallow() { swallowed_ = true; }
  void mute() { muted_ = true; }

  // What to poll for, client first; `next` is brought forward to when bytes are due.
  void add_to(std::vector<pollfd>& polled, Clock::time_point now, Clock::time_point& next) const {
    polled.push_back({client_, events(up_, down_, now, next), 0});
    polled.push_back({server_, events(down_, up_, now, next), 0});
  }

  // False when it is over.
  bool step(const pollfd* polled, Clock::time_point now, Line& line) {
    if (polled[0].revents != 0 && !hear_client(now, line)) return false;
    if (polled[1].revents != 0 && !hear_server(now, line)) return false;
    if (swallowed_ || is_held()) return true;
    return up_.write_due(server_, now) && down_.write_due(client_, now) && !(up_.over() && down_.over());
  }

 private:
  short events(const Flow& from_it, const Flow& to_it, Clock::time_point now, Clock::time_point& next) const {
    if (swallowed_) return POLLIN;
    short wanted = from_it.takes_more() ? POLLIN : short{0};
    if (is_held()) return wanted;
    if (const auto due = to_it.due(); due && *due > now) {
      next = std::min(next, *due);
    } else if (due) {
      wanted |= POLLOUT;
    }
    return wanted;
  }

  bool is_held() const {
    return std::ranges::any_of(
        proxy_.held_, [&](const std::string& client) { return greeting_.find(client) != std::string::npos; });
  }

  bool hear_client(Clock::time_point now, Line& line) {
    const Heard heard = hear(client_, [&](std::string_view bytes) {
      if (greeting_.empty()) greeting_ = bytes;
      if (proxy_.up_) proxy_.up_(number_, bytes);
      if (!swallowed_ && !muted_) line.push(up_, bytes, now);
    });
    if (heard == Heard::end) up_.end();
    return heard == Heard::something || (heard == Heard::end && !swallowed_);
  }

  // Of a swallowed connection the client never hears again, not even that the server has closed it.
  bool hear_server(Clock::time_point now, Line& line) {
    const Heard heard = hear(server_, [&](std::string_view bytes) {
      if (proxy_.down_ && !swallowed_) proxy_.down_(number_, bytes);
      if (!swallowed_) line.push(down_, bytes, now);
    });
    if (swallowed_ && heard != Heard::something) reset(server_);
    if (heard == Heard::end) down_.end();
    return heard != Heard::reset || swallowed_;
  }

  int client_, server_;
  bool swallowed_, muted_ = false;
  const std::size_t number_;
  const TcpProxy& proxy_;
  std::string greeting_;  // the client's first bytes: its CONNECT
  Flow up_, down_;
};

TcpProxy::TcpProxy(std::uint16_t server_port, Tap up, Tap down)
    : server_port_(server_port), up_(std::move(up)), down_(std::move(down)), line_(std::make_unique<Line>()) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0)
    throw std::runtime_error("proxy: cannot listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TcpProxy::~TcpProxy() {
  thread_.request_stop();
  wake();
  thread_.join();
  connections_.clear();
  ::close(listener_);
  ::close(wake_);
}

void TcpProxy::wake() const { ::eventfd_write(wake_, 1); }

void TcpProxy::cut() {
  {
    const std::lock_guard lock(mutex_);
    connections_.clear();
  }
  wake();
}

void TcpProxy::refuse() {
  {
    const std::lock_guard lock(mutex_);
    mode_ = Mode::refuse;
    connections_.clear();
  }
  wake();
}

void TcpProxy::half_open() {
  {
    const std::lock_guard lock(mutex_);
    mode_ = Mode::swallow;
    for (const auto& connection : connections_) connection->swallow();
  }
  wake();
}

void TcpProxy::mute() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) connection->mute();
}

void TcpProxy::delay(std::chrono::milliseconds by) {
  const std::lock_guard lock(mutex_);
  line_->delay = by;
}

void TcpProxy::lose(double share) {
  const std::lock_guard lock(mutex_);
  line_->lost = share;
}

void TcpProxy::slow_down(std::uint64_t bytes_per_second) {
  const std::lock_guard lock(mutex_);
  line_->bytes_per_second = bytes_per_second;
}

void TcpProxy::hold(const std::string& client) {
  {
    const std::lock_guard lock(mutex_);
    held_.insert(client);
  }
  wake();
}

void TcpProxy::release(const std::string& client) {
  {
    const std::lock_guard lock(mutex_);
    held_.erase(client);
  }
  wake();
}

void TcpProxy::resume() {
  {
    const std::lock_guard lock(mutex_);
    mode_ = Mode::forward;
    *line_ = Line{};
    held_.clear();
  }
  wake();
}

void TcpProxy::accept_one() {
  int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  int server = mode_ == Mode::refuse ? -1 : connect_to(server_port_);
  if (server < 0) return reset(client);
  send_at_once(client);
  connections_.push_back(
      std::make_unique<Connection>(client, server, mode_ == Mode::swallow, accepted_++, *this));
}

void TcpProxy::run(const std::stop_token& stop) {
  std::vector<pollfd> polled;
  while (!stop.stop_requested()) {
    auto next = Clock::now() + std::chrono::seconds{1};
    polled.assign({{wake_, POLLIN, 0}, {listener_, POLLIN, 0}});
    {
      const std::lock_guard lock(mutex_);
      for (const auto& connection : connections_) connection->add_to(polled, Clock::now(), next);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    ::poll(polled.data(), polled.size(), std::max(0, static_cast<int>(wait.count())));
    if (polled[0].revents != 0) {
      // A command: what was polled may be gone.
      eventfd_t ignored = 0;
      ::eventfd_read(wake_, &ignored);
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (connections_.size() * 2 + 2 != polled.size()) continue;
    const pollfd* at = polled.data() + 2;
    for (auto it = connections_.begin(); it != connections_.end(); at += 2) {
      it = (*it)->step(at, Clock::now(), *line_) ? std::next(it) : connections_.erase(it);
    }
    if (polled[1].revents != 0) accept_one();
  }
}

}  // namespace lookout::test
