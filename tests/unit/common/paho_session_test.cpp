#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <sstream>

#include "common/mqtt_session.h"
#include "tests/support/broker.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// What is logged while it lives.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  std::size_t count(const std::string& word) const { return occurrences(text_.str(), word); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

}  // namespace

// The clock is moved by hand; only the refusal of the connection takes real time.
TEST_CASE(
    "a session without a broker tries ever more rarely, at most 8 s apart, and complains once a minute") {
  const CapturedLog log;
  std::atomic<int> wakes = 0;
  SessionOptions options;
  options.mqtt.port = free_port();
  options.client_id = "test";
  SessionEvents events;
  events.on_message = [](const MessageView&) {};
  events.wake = [&] { ++wakes; };
  const auto session = make_paho_session(options, events);
  const auto start = MqttSession::Clock::time_point{} + 1000s;
  auto now = start;
  std::vector<MqttSession::Clock::duration> pauses;
  int seen = 0;
  while (now < start + 150s) {
    session->step(now);  // begins to connect
    REQUIRE(wait_until([&] { return wakes > seen; }));
    seen = wakes;
    const auto next = session->step(now);  // hears that it failed
    pauses.push_back(next - now);
    now = next;
  }
  CHECK(log.count("cannot reach the broker") == 3);  // at 0, 60 and 120 s or soon after
  CHECK(pauses.front() >= 250ms);
  CHECK(pauses.front() <= 500ms);
  for (const auto pause : pauses) CHECK(pause <= 8s);
  CHECK(pauses.back() >= 4s);
}

TEST_CASE("a connection that the broker does not answer is given up after ten seconds") {
  const CapturedLog log;
  SessionOptions options;
  options.mqtt.port = free_port();
  options.client_id = "test";
  SessionEvents events;
  events.on_message = [](const MessageView&) {};
  events.wake = [] {};
  const auto session = make_paho_session(options, events);
  const auto start = MqttSession::Clock::time_point{} + 1000s;
  CHECK(session->step(start) == start + 10s);
  CHECK(session->step(start + 10s) > start + 10s);
  CHECK(log.count("cannot reach the broker") == 1);
}
