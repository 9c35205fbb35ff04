#pragma once

#include <stop_token>
#include <thread>

namespace lookout {

/// Turns SIGINT and SIGTERM into a stop request; a second one, half a second later or more, ends the process
/// at once. Made before any other thread, so that all of them have the signals blocked.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  /// As if a signal had come.
  void request_stop() { source_.request_stop(); }

 private:
  void watch(const std::stop_token& end);

  std::stop_source source_;
  std::jthread watcher_;
};

}  // namespace lookout
