#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/support/box.h"
#include "tests/support/kafka.h"
#include "tests/support/ledger.h"
#include "tests/support/observer.h"

namespace lookout::test {

/// A bridge in the field that forwards to a real Kafka, and sensors that send to it.
class KafkaSite {
 public:
  /// `configuration`: more TOML, behind [kafka] brokers.
  explicit KafkaSite(const std::string& configuration = "", const std::string& properties = "");

  void start();
  void kill() { bridge_->kill(); }
  std::optional<int> stop() { return bridge_->stop(); }
  ChildProcess& bridge() { return *bridge_; }

  /// 200 sensors every half second of event time.
  void start_load(const std::string& speed);
  void await_load(std::uint64_t readings);
  void end_load();
  [[nodiscard]] std::uint64_t acknowledged() { return count_(); }

  /// Waits until everything the sensors sent is in Kafka.
  [[nodiscard]] bool await_kafka(std::chrono::seconds patience = std::chrono::seconds{90});
  /// That Kafka = archive = ledger: every reading once, each sensor's in the order of the archive in one
  /// partition; and the cursor is behind the last.
  void check_whole() const;

  [[nodiscard]] std::string log() const { return box.log("bridge"); }
  /// The newest statistics that the bridge has published.
  nlohmann::json stats();

  Broker broker;
  Kafka kafka;
  Box box;

 private:
  LedgerCount count_{box.ledger()};
  Observer observer_;
  nlohmann::json stats_;
  std::optional<ChildProcess> bridge_, simulator_;
};

}  // namespace lookout::test
