#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A port on the loopback that nobody listens on now, nor on those that follow, so many in all.
std::uint16_t free_port(int in_a_row = 1);

/// A real Mosquitto on a port of its own, with the shipped mosquitto.conf: only port and folder differ.
class Broker {
 public:
  /// `extra` is put behind the shipped configuration; it may speak of files in `folder`. `data`: where queues
  /// and sessions are saved, if not there too.
  explicit Broker(const std::string& extra = "", const std::filesystem::path& data = {});
  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string port_text() const { return std::to_string(port_); }
  /// Starts it again on the same port and data, after stop() or kill().
  void start();
  /// Its log, over all its starts.
  [[nodiscard]] std::string log() const { return slurp(folder_ / "log"); }
  void stop() { process_->stop(); }
  void kill() { process_->kill(); }
  void send(int signal) const { process_->send(signal); }
  /// Publishes at QoS 1 with mosquitto_pub and waits for its end.
  void publish(const std::string& topic, const std::string& payload, bool retain = false) const;

 private:
  TempFolder folder_;
  std::uint16_t port_;
  std::optional<ChildProcess> process_;
};

}  // namespace lookout::test
