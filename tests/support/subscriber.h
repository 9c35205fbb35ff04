#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/broker.h"

namespace lookout::test {

struct Received {
  std::string topic;
  bool retain = false;
  std::string payload;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(payload); }
};

/// A plain mosquitto_sub, as any user would run it; collects what it prints.
class Subscriber {
 public:
  /// Returns when the subscription stands.
  Subscriber(const Broker& broker, const std::vector<std::string>& filters);

  /// Everything so far whose topic begins with `prefix`, in order.
  std::vector<Received> received(const std::string& prefix = "");

 private:
  TempFolder folder_;
  ChildProcess process_;
  std::size_t read_ = 0;  // bytes of the output already parsed
  std::vector<Received> all_;
};

}  // namespace lookout::test
