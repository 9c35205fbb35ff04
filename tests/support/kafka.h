#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A real Apache Kafka on a port of its own (scripts/kafka).
class Kafka {
 public:
  /// `properties`: more of server.properties, in which {port}, {controller} and {secure} stand for its ports;
  /// on the last one it listens only where the properties say so.
  explicit Kafka(const std::string& properties = "");

  /// "127.0.0.1:port"
  [[nodiscard]] std::string brokers() const;
  [[nodiscard]] std::uint16_t secure_port() const { return secure_port_; }
  /// Starts it again on the same port and data, after stop() or kill().
  void start();
  void stop() { process_->stop(); }
  /// From the next start on.
  void configure(const std::string& properties);
  void kill() { process_->kill(); }
  void send(int signal) const { process_->send(signal); }

  struct Record {
    int partition = 0;
    std::int64_t offset = 0;
    std::string key, value;
    std::map<std::string, std::string> headers;
  };
  /// What a consumer that reads what is committed finds in a topic from its beginning to its end, each
  /// partition in its order. Nothing where there is no such topic.
  void for_each(const std::string& topic, const std::function<void(const Record&)>& visit) const;
  /// The same, by partition and offset.
  [[nodiscard]] std::vector<Record> read(const std::string& topic) const;
  /// A setting of a topic, as Kafka's own tool tells it.
  [[nodiscard]] std::string setting(const std::string& topic, const std::string& name) const;
  /// The batches in a topic's logs, as Kafka's own tool describes them, a line each.
  [[nodiscard]] std::string batches(const std::string& topic) const;
  /// How many, without keeping them.
  [[nodiscard]] std::uint64_t count(const std::string& topic) const;

 private:
  /// What kcat writes; the file is written anew by the next call.
  [[nodiscard]] std::filesystem::path consume(const std::string& topic,
                                              const std::vector<std::string>& how) const;

  TempFolder folder_;
  std::string properties_;
  std::uint16_t port_, secure_port_;
  std::optional<ChildProcess> process_;
};

}  // namespace lookout::test
