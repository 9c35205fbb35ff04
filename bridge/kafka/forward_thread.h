#pragma once

#include <chrono>
#include <memory>
#include <semaphore>
#include <thread>

#include "bridge/kafka/forwarder.h"

namespace lookout {

/// The relay to Kafka and its thread.
class ForwardThread {
 public:
  explicit ForwardThread(std::unique_ptr<Forwarder> forwarder) : forwarder_(std::move(forwarder)) {}

  [[nodiscard]] Forwarder& forwarder() const { return *forwarder_; }

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      forwarder_->run(stop);
      ended_.release();
    });
  }
  void request_stop() { thread_.request_stop(); }
  /// After request_stop(). False: it still waits for the network, which librdkafka does not leave where a
  /// name is looked up; the destructor would wait too.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds patience) {
    return !thread_.joinable() || ended_.try_acquire_for(patience);
  }

 private:
  const std::unique_ptr<Forwarder> forwarder_;
  std::binary_semaphore ended_{0};
  std::jthread thread_;  // the last: it is joined first
};

}  // namespace lookout
