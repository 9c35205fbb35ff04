#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "tests/fault/load.h"
#include "tests/support/kafka.h"
#include "tests/support/observer.h"

namespace lookout::test {

/// A bridge in the field that forwards to a real Kafka, and sensors that send to it.
class KafkaSite {
 public:
  /// `configuration`: more TOML, behind [kafka] brokers.
  explicit KafkaSite(const std::string& configuration = "", const std::string& properties = "");

  void start(bool wait_for_subscription = true);
  /// From the next start on it is written down when its transactions begin and end.
  void watch_transactions();
  /// A `b` for each that has begun, a `c` for each that was committed.
  [[nodiscard]] std::string transactions() const;
  [[nodiscard]] bool transaction_is_open() const { return transactions().ends_with('b'); }
  void kill() { bridge_->kill(); }
  std::optional<int> stop() { return bridge_->stop(); }
  ChildProcess& bridge() { return *bridge_; }

  /// A gateway, which makes aggregates, alerts and late readings of what comes.
  void start_gateway() { gateway_.emplace(box.start("gateway")); }

  /// Waits until everything the sensors sent is in Kafka.
  [[nodiscard]] bool await_kafka(std::chrono::seconds patience = std::chrono::seconds{90});
  /// That Kafka = archive = ledger: every reading once, each key's in the order of the archive in one
  /// partition, the key being the sensor's or, as configured, the region's; and the cursor is behind the
  /// last. `all_is_kept`: nothing of the archive was evicted; else it is left out.
  void check_whole(bool all_is_kept = true) const;
  /// That what the gateway has published is in Kafka, all of it once. Ends the gateway; before the bridge is
  /// stopped.
  void check_results();

  [[nodiscard]] std::string log() const { return box.log("bridge"); }
  /// The newest statistics that the bridge has published.
  nlohmann::json stats();
  /// What `lookout-bridge status --json` says.
  [[nodiscard]] nlohmann::json status() const;

  Broker broker;
  Kafka kafka;
  Box box;
  /// One region burns now and then, and some readings come late.
  Load load{box,
            broker,
            {"--reorder", "0.001", "--reorder-max", "60s", "--fire",
             "region=north,start=20s,duration=30s,every=60s,ramp=5s,temperature=30"}};

 private:
  void look();
  void check_topic(const std::string& name, std::multiset<std::string> published);

  const bool is_by_region_;
  Observer observer_;
  nlohmann::json stats_;
  std::map<std::string, std::set<std::string>>
      published_;  // by first level of the topic; topics and payloads
  bool watched_ = false;
  std::optional<ChildProcess> bridge_, gateway_;
};

}  // namespace lookout::test
