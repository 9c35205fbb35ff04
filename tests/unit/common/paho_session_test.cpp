#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>

#include "common/mqtt_session.h"
#include "common/outbox.h"
#include "common/subscribed_filters.h"
#include "common/supervisor.h"
#include "tests/support/broker.h"
#include "tests/support/captured_log.h"
#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// A subscriber that keeps what it gets, and leaves and comes back when told.
class Subscriber {
 public:
  explicit Subscriber(const Broker& broker, std::vector<std::string> filters = {"t/#"},
                      std::filesystem::path filters_file = {}) {
    SessionOptions options;
    options.mqtt.port = broker.port();
    options.client_id = "subscriber";
    options.filters = std::move(filters);
    options.filters_file = std::move(filters_file);
    SessionEvents events;
    events.on_message = [this](const MessageView& message) { take(message); };
    events.on_connected = [this] { connected_ = true; };
    events.on_lost = [this] { connected_ = false; };
    events.wake = [this] { supervisor_.wake(); };
    session_ = make_paho_session(std::move(options), std::move(events));
    supervisor_.add([this](auto now) {
      away_ ? session_->pause() : session_->resume();
      return session_->step(now);
    });
    supervisor_.start();
  }
  ~Subscriber() {
    supervisor_.stop();
    session_->close(2s);
  }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  void leave() { move(true); }
  void come_back() { move(false); }
  std::size_t received() {
    const std::scoped_lock lock(mutex_);
    return received_;
  }
  std::size_t different() {
    const std::scoped_lock lock(mutex_);
    return payloads_.size();
  }
  bool has(const std::string& payload) {
    const std::scoped_lock lock(mutex_);
    return payloads_.contains(payload);
  }

 private:
  void take(const MessageView& message) {
    const std::scoped_lock lock(mutex_);
    ++received_;
    payloads_.emplace(message.payload);
  }
  void move(bool away) {
    away_ = away;
    supervisor_.wake();
    REQUIRE(wait_until([&] { return connected_ != away; }));
  }

  std::mutex mutex_;
  std::set<std::string> payloads_;
  std::size_t received_ = 0;
  std::atomic<bool> away_ = false, connected_ = false;
  Supervisor supervisor_;
  std::unique_ptr<MqttSession> session_;
};

/// Publishes numbers, and waits until the broker has them.
void publish_numbers(const Broker& broker, std::size_t count) {
  Supervisor supervisor;
  Outbox outbox(1000, [](std::uint64_t) {});
  SessionOptions options;
  options.mqtt.port = broker.port();
  options.client_id = "publisher";
  options.clean_session = true;
  SessionEvents events;
  events.on_message = [](const MessageView&) {};
  events.on_connected = [&] { outbox.on_connected(); };
  events.on_lost = [&] { outbox.on_lost(); };
  events.wake = [&] { supervisor.wake(); };
  const auto session = make_paho_session(std::move(options), std::move(events));
  outbox.use(*session);
  supervisor.add([&](auto now) { return session->step(now); });
  supervisor.start();
  for (std::size_t i = 0; i < count; ++i)
    REQUIRE(outbox.publish({.topic = "t/x", .payload = std::to_string(i), .retain = false}, i, {}));
  REQUIRE(outbox.drain(MqttSession::Clock::now() + 60s));
  supervisor.stop();
  session->close(1s);
}

}  // namespace

TEST_CASE("who leaves in the midst of a backlog has acknowledged to the broker what it took") {
  const Broker broker;
  Subscriber subscriber(broker);
  REQUIRE(wait_until([&] {
    broker.publish("t/first", "first");
    return subscriber.received() > 0;
  }));
  subscriber.leave();
  constexpr std::size_t kBacklog = 120'000, kAtOnce = 30'000;
  const std::size_t before_all = subscriber.received() - subscriber.different();
  publish_numbers(broker, kBacklog);
  std::size_t visits = 0;
  for (; subscriber.different() <= kBacklog && visits < 50; ++visits) {
    const std::size_t before = subscriber.received();
    subscriber.come_back();
    REQUIRE(wait_until(
        [&] { return subscriber.received() >= before + kAtOnce || subscriber.different() > kBacklog; }));
    subscriber.leave();
  }
  const std::size_t repeats = subscriber.received() - subscriber.different() - before_all;
  INFO(repeats << " repeats in " << visits << " visits, of " << subscriber.different() << " messages");
  CHECK(subscriber.different() == kBacklog + 1);
  CHECK(repeats <= visits * 1000);  // without a pause to catch up: all but the first thousands, each time
  CHECK(visits > 1);
}

namespace {

/// Waits until messages arrive at the subscriber on a filter that it has.
void await_subscription(const Broker& broker, Subscriber& subscriber, const std::string& topic) {
  REQUIRE(wait_until([&] {
    broker.publish(topic, "probe of " + topic);
    return subscriber.has("probe of " + topic);
  }));
}

}  // namespace

TEST_CASE("what a former start subscribed to, and this one does not, the broker delivers no more") {
  const CapturedLog log;
  const Broker broker;
  const TempFolder folder;
  const auto file = folder / "subscriptions";
  for (const std::string filter : {"old/#", "older/#"}) {
    Subscriber subscriber(broker, {filter, "t/#"}, file);
    await_subscription(broker, subscriber, filter.substr(0, filter.size() - 1) + "x");
    REQUIRE(wait_until([&] { return load_filters(file) == std::vector<std::string>{filter, "t/#"}; }));
  }
  broker.publish("older/x", "queued before it was left");
  Subscriber subscriber(broker, {"t/#"}, file);
  REQUIRE(wait_until([&] { return load_filters(file) == std::vector<std::string>{"t/#"}; }));
  broker.publish("old/x", "not wanted");
  broker.publish("older/x", "not wanted either");
  broker.publish("t/x", "wanted");
  REQUIRE(wait_until([&] { return subscriber.has("wanted"); }));
  CHECK(subscriber.has("queued before it was left"));
  CHECK_FALSE(subscriber.has("not wanted"));
  CHECK_FALSE(subscriber.has("not wanted either"));
  CHECK(log.count("unsubscribes from what is not configured any more: old/#") == 1);
  CHECK(log.count("unsubscribes from what is not configured any more: older/#") == 1);
}

TEST_CASE(
    "what the broker may hold is remembered before it is subscribed to, until the broker has let it go") {
  const TempFolder folder;
  const auto file = folder / "subscriptions";
  const Broker broker;
  REQUIRE(save_filters(file, {"gone/#"}));
  SessionOptions options;
  options.mqtt.port = broker.port();
  options.client_id = "test";
  options.filters = {"t/#"};
  options.filters_file = file;
  SessionEvents events;
  std::atomic<int> wakes = 0;
  std::vector<std::string> at_connect;
  events.on_message = [](const MessageView&) {};
  events.on_connected = [&] { at_connect = load_filters(file); };
  events.wake = [&] { ++wakes; };
  const auto session = make_paho_session(options, events);
  REQUIRE(wait_until([&] {
    session->step(MqttSession::Clock::now());
    return !at_connect.empty();
  }));
  CHECK(at_connect == std::vector<std::string>{"gone/#", "t/#"});
  CHECK(wait_until([&] {
    session->step(MqttSession::Clock::now());
    return load_filters(file) == options.filters;
  }));
  session->close(1s);
}

TEST_CASE("a file of filters that cannot be read is none, and said so") {
  const CapturedLog log;
  const TempFolder folder;
  const auto file = folder / "subscriptions";
  CHECK(load_filters(file).empty());
  CHECK(log.count("cannot be read") == 0);
  for (const std::string damaged : {"", "[\"a\"", "[1]", "{}"}) {
    spit(file, damaged);
    CHECK(load_filters(file).empty());
  }
  CHECK(log.count("cannot be read") == 4);
  CHECK_FALSE(save_filters("/nonexistent/subscriptions", {"a"}));
}

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
