#include "common/stop_signals.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <future>

using namespace lookout;

TEST_CASE("a signal is a stop request") {
  StopSignals signals;
  const std::stop_token token = signals.token();
  std::promise<void> stopped;
  const std::stop_callback callback(token, [&] { stopped.set_value(); });
  CHECK_FALSE(token.stop_requested());
  ::kill(::getpid(), SIGTERM);
  CHECK(stopped.get_future().wait_for(std::chrono::seconds{30}) == std::future_status::ready);
  CHECK(token.stop_requested());
}

TEST_CASE("no signal, no stop request, the end waits for none") {
  StopSignals signals;
  CHECK_FALSE(signals.token().stop_requested());
}
