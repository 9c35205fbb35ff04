#include "common/outbox.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/wait.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

/// A connection moved by hand.
class FakeSession final : public MqttSession {
 public:
  Clock::time_point step(Clock::time_point now) override { return now; }
  void pause() override {}
  void resume() override {}
  bool send(const Outgoing& message, PublishReceipt& receipt) override {
    if (!up) return false;
    sent.push_back(message.payload);
    receipts.push_back(&receipt);
    return true;
  }
  void close(std::chrono::milliseconds) override {}
  void acknowledge(std::size_t index) { receipts.at(index)->acknowledged(); }

  bool up = false;
  std::vector<std::string> sent;
  std::vector<PublishReceipt*> receipts;
};

struct Rig {
  explicit Rig(std::size_t capacity = 100)
      : outbox(capacity, [this](std::uint64_t tag) { confirmed.push_back(tag); }) {
    outbox.use(session);
  }
  void publish(const std::string& payload, std::uint64_t tag) {
    REQUIRE(outbox.publish({"t", payload, false}, tag, {}));
  }
  void connect() {
    session.up = true;
    outbox.on_connected();
  }
  void lose() {
    session.up = false;
    session.receipts.clear();
    outbox.on_lost();
  }
  FakeSession session;
  std::vector<std::uint64_t> confirmed;
  Outbox outbox;
};

using Texts = std::vector<std::string>;
using Tags = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what is published before the connection stands is sent in order when it does") {
  Rig rig;
  rig.publish("a", 1);
  rig.publish("b", 2);
  CHECK(rig.session.sent.empty());
  rig.connect();
  rig.publish("c", 3);
  CHECK(rig.session.sent == Texts{"a", "b", "c"});
}

TEST_CASE("after a lost connection everything unacknowledged is sent again from the oldest, in order") {
  Rig rig;
  rig.connect();
  for (int i = 1; i <= 4; ++i) rig.publish(std::to_string(i), static_cast<std::uint64_t>(i));
  rig.session.acknowledge(0);
  rig.lose();
  rig.publish("5", 5);
  rig.session.sent.clear();
  rig.connect();
  CHECK(rig.session.sent == Texts{"2", "3", "4", "5"});
  CHECK(rig.confirmed == Tags{1});
}

TEST_CASE("acknowledgements are reported in the order of publishing, whatever order they come in") {
  Rig rig;
  rig.connect();
  for (int i = 1; i <= 3; ++i) rig.publish(std::to_string(i), static_cast<std::uint64_t>(i));
  rig.session.acknowledge(2);
  rig.session.acknowledge(1);
  CHECK(rig.confirmed.empty());
  CHECK(rig.outbox.unacknowledged() == 3);
  rig.session.acknowledge(0);
  CHECK(rig.confirmed == Tags{1, 2, 3});
  CHECK(rig.outbox.unacknowledged() == 0);
}

TEST_CASE("what was acknowledged out of order is not sent again") {
  Rig rig;
  rig.connect();
  for (int i = 1; i <= 3; ++i) rig.publish(std::to_string(i), static_cast<std::uint64_t>(i));
  rig.session.acknowledge(1);
  rig.lose();
  rig.session.sent.clear();
  rig.connect();
  CHECK(rig.session.sent == Texts{"1", "3"});
}

TEST_CASE("a connection that breaks while sending loses nothing") {
  Rig rig;
  rig.session.up = false;
  rig.outbox.on_connected();
  rig.publish("a", 1);
  rig.publish("b", 2);
  rig.lose();
  rig.connect();
  CHECK(rig.session.sent == Texts{"a", "b"});
}

TEST_CASE("publish waits while the outbox is full, and goes on or gives up") {
  Rig rig(2);
  rig.connect();
  rig.publish("a", 1);
  rig.publish("b", 2);
  std::atomic<int> outcome = -1;
  std::stop_source stop;
  std::jthread publisher(
      [&] { outcome = rig.outbox.publish({"t", "c", false}, 3, stop.get_token()) ? 1 : 0; });
  SECTION("room comes") {
    CHECK(outcome == -1);
    rig.session.acknowledge(0);
    CHECK(test::wait_until([&] { return outcome == 1; }));
    publisher.join();
    CHECK(rig.session.sent == Texts{"a", "b", "c"});
  }
  SECTION("the program stops") {
    stop.request_stop();
    CHECK(test::wait_until([&] { return outcome == 0; }));
    publisher.join();
    CHECK(rig.outbox.unacknowledged() == 2);
  }
}

TEST_CASE("what is gathered is sent in its order: with the next one, by flush, for want of room, at a wait") {
  Rig rig(2);
  rig.connect();
  const auto gather = [&](const std::string& text, std::uint64_t tag, const std::stop_token& stop = {}) {
    return rig.outbox.gather({"t", text, false}, tag, stop);
  };
  REQUIRE(gather("a", 1));
  CHECK(rig.session.sent.empty());
  SECTION("published behind it") {
    rig.publish("b", 2);
    CHECK(rig.session.sent == Texts{"a", "b"});
  }
  SECTION("flushed") {
    rig.outbox.flush();
    CHECK(rig.session.sent == Texts{"a"});
  }
  SECTION("no room") {
    REQUIRE(gather("b", 2));
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(gather("c", 3, stop.get_token()));
    CHECK(rig.session.sent == Texts{"a", "b"});
  }
  SECTION("waited for") {
    CHECK_FALSE(rig.outbox.drain(std::chrono::steady_clock::now()));
    CHECK(rig.session.sent == Texts{"a"});
  }
  SECTION("a new connection") {
    rig.lose();
    rig.connect();
    CHECK(rig.session.sent == Texts{"a"});
  }
}

TEST_CASE("the outbox is bounded in bytes as well") {
  Rig rig(1000);
  rig.connect();
  for (std::uint64_t i = 1; i <= 16; ++i) rig.publish(std::string(std::size_t{1} << 20, 'x'), i);
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(rig.outbox.publish({"t", "one more", false}, 17, stop.get_token()));
  for (std::size_t i = 0; i < 16; ++i) rig.session.acknowledge(i);
  CHECK(rig.outbox.publish({"t", "one more", false}, 17, stop.get_token()));
}

TEST_CASE("draining waits for the last acknowledgement, and no longer than its deadline") {
  Rig rig;
  rig.connect();
  rig.publish("a", 1);
  CHECK_FALSE(rig.outbox.drain(std::chrono::steady_clock::now() + 1ms));
  rig.session.acknowledge(0);
  CHECK(rig.outbox.drain(std::chrono::steady_clock::now()));
}

TEST_CASE("two threads may publish: everything is sent once, and what one publishes in its order") {
  constexpr int kEach = 2000;
  Rig rig(2 * kEach);
  rig.connect();
  {
    const auto publish = [&](int first) {
      for (int i = 0; i < kEach; ++i) rig.outbox.publish({"t", std::to_string(first + i), false}, 0, {});
    };
    const std::jthread one(publish, 0), other(publish, kEach);
  }
  REQUIRE(rig.session.sent.size() == 2 * kEach);
  int next_of_one = 0, next_of_other = kEach;
  for (const std::string& text : rig.session.sent) {
    int& next = std::stoi(text) < kEach ? next_of_one : next_of_other;
    REQUIRE(std::stoi(text) == next++);
  }
}
