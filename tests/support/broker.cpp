#include "tests/support/broker.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

#include "tests/support/wait.h"

namespace lookout::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Whether `call`, connect or bind, takes the port.
bool succeeds(decltype(::connect)& call, std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool taken = call(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(socket);
  return taken;
}

bool answers(std::uint16_t port) { return succeeds(::connect, port); }
bool is_free(std::uint16_t port) { return succeeds(::bind, port); }

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("mosquitto.conf has no '" + from + "'");
  text.replace(at, from.size(), to);
}

}  // namespace

// Below those that the kernel gives to outgoing connections (32768 on): who listens only seconds later, as
// Kafka does, would find one of these taken.
std::uint16_t free_port(int in_a_row) {
  constexpr std::uint16_t kFirst = 12'000, kLast = 32'000;
  static std::mt19937 random{std::random_device{}()};
  for (;;) {
    const auto port = static_cast<std::uint16_t>(kFirst + random() % (kLast - kFirst));
    int free = 0;
    while (free < in_a_row && is_free(static_cast<std::uint16_t>(port + free))) ++free;
    if (free == in_a_row) return port;
  }
}

Broker::Broker(const std::string& extra, const std::filesystem::path& data) : port_(free_port()) {
  std::string config = slurp(source_path("mosquitto.conf"));
  replace(config, "listener 1883", "listener " + port_text());
  // As root Mosquitto would change to a user who may not write here.
  spit(folder_ / "mosquitto.conf",
       config +
           fmt::format("\npersistence true\npersistence_location {}/\nuser root\n",
                       (data.empty() ? folder_.path() : data).string()) +
           extra);
  start();
}

void Broker::start() {
  process_.emplace(std::vector<std::string>{"mosquitto", "-c", (folder_ / "mosquitto.conf").string()},
                   ChildProcess::Options{folder_ / "log", folder_ / "log"});
  if (!wait_until([&] { return answers(port_); }))
    throw std::runtime_error("mosquitto: " + slurp(folder_ / "log"));
}

void Broker::publish(const std::string& topic, const std::string& payload, bool retain) const {
  const TempFolder folder;
  spit(folder / "payload", payload);
  std::vector<std::string> command{
      "mosquitto_pub", "-p", port_text(), "-q", "1", "-t", topic, "-f", (folder / "payload").string()};
  if (retain) command.emplace_back("-r");
  if (const auto finished = run(command); finished.code != 0)
    throw std::runtime_error("mosquitto_pub: " + finished.err);
}

}  // namespace lookout::test
