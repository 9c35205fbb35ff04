#include <random>

#include "tests/unit/bridge/forwarding.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("what the archive holds and what comes goes to Kafka in order, with a cursor") {
  Forwarding site;
  site.store(0, 5);
  site.start();
  REQUIRE(site.await_forwarded());
  site.store(5, 3);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(8));
  const auto cursor = parse_cursor(site.kafka.cursors().at(cursor_key("b1", site.box.archive->epoch())));
  REQUIRE(cursor);
  CHECK(cursor->offset == 8);
  CHECK(cursor->messages == 8);
  CHECK(cursor->records == 8);
  CHECK(site.forwarder().status().state == ForwardState::forwarding);
}

TEST_CASE("a forwarder that was stopped goes on where Kafka's cursor is, whatever the box remembers") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  SECTION("it remembers") {}
  SECTION("it has forgotten") { std::filesystem::remove(site.box.folder / "bridge" / "kafka-cursor.json"); }
  SECTION("it remembers too much") {
    const KafkaCursor wrong{.epoch = site.box.archive->epoch(), .offset = 6};
    REQUIRE(save_cursor_copy(site.box.folder / "bridge", {.cursor = wrong}, false));
  }
  site.store(4, 4);
  site.start();
  REQUIRE(wait_until([&] { return site.values().size() >= 8; }));
  CHECK(site.values() == counting(8));
}

TEST_CASE("whatever fails at whatever call, every record is committed once and in order") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Forwarding site;
  site.store(0, 20);
  int faults = 0;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    const bool often = call == "commit" || call == "take_over";
    if (faults >= 60 || random() % (often ? 2 : 20) != 0) return std::nullopt;
    ++faults;
    return FakeKafka::Fault{.fenced = random() % 5 == 0, .after = call == "commit" && random() % 2 == 0};
  });
  site.start();
  for (int i = 1; i < 20; ++i) site.store(20 * i, 20);
  REQUIRE(site.await_forwarded());
  CHECK(faults > 10);
  CHECK(site.values() == counting(400));
}

TEST_CASE("a commit of which nobody knows whether it took place is asked about, not repeated") {
  Forwarding site;
  site.store(0, 3);
  bool failed = false;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    if (call != "commit" || std::exchange(failed, true)) return std::nullopt;
    return FakeKafka::Fault{.after = true};
  });
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(failed);
  CHECK(site.values() == counting(3));
  CHECK(site.kafka.calls("take_over") == 2);
}

TEST_CASE("fenced, it stays away while the other one's cursor moves, and comes back when that one stops") {
  Forwarding site;
  site.store(0, 3);
  site.start();
  REQUIRE(site.await_forwarded());
  std::jthread other([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      site.kafka.set_cursor("b1/other", std::to_string(i));
      std::this_thread::yield();
    }
  });
  site.kafka.fence();
  site.store(3, 2);
  REQUIRE(wait_until([&] { return site.forwarder().status().state == ForwardState::fenced; }));
  const int reads = site.kafka.calls("read_cursors");
  REQUIRE(wait_until([&] { return site.kafka.calls("read_cursors") > reads + 3; }));
  CHECK(site.kafka.calls("take_over") == 1);
  CHECK_THAT(site.forwarder().status().error, Catch::Contains("another bridge forwards for box 'b1'"));
  other = {};
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(5));
}

TEST_CASE("fenced for no reason, it comes back after one look") {
  Forwarding site;
  site.store(0, 3);
  site.start();
  REQUIRE(site.await_forwarded());
  site.kafka.set_cursor(job_key("b1", site.box.archive->epoch(), "again"), "1");  // a job's, who moves it
  site.kafka.fence();
  site.store(3, 2);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(5));
  CHECK(site.kafka.calls("read_cursors") == 3);  // at the start, at the look, and when it took over again
}

TEST_CASE("while Kafka is away the state says so and why, and tries are further and further apart") {
  Forwarding site;
  site.store(0, 3);
  site.kafka.script([](const std::string& call) {
    return call == "take_over" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  REQUIRE(wait_until([&] { return site.kafka.calls("take_over") >= 6; }));
  CHECK(site.forwarder().status().state == ForwardState::failing);
  CHECK(site.forwarder().status().error == "take_over failed");
  CHECK(site.forwarder().forwarded() == 0);
  site.kafka.script({});
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(3));
}

TEST_CASE("what is refused again and again is not tried in a tight loop, and once taken all is well") {
  Forwarding site;
  site.store(0, 3);
  site.kafka.script([](const std::string& call) {
    return call == "commit" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  const auto begin = Forwarder::Clock::now();
  REQUIRE(wait_until([&] { return site.kafka.calls("commit") >= 8; }));
  // 1, 2, 4, 8, 16, 32 and 60 ms between them.
  CHECK(Forwarder::Clock::now() - begin >= 120ms);
  CHECK(site.forwarder().status().state == ForwardState::failing);
  site.kafka.script({});
  REQUIRE(site.await_forwarded());
  CHECK(wait_until([&] { return site.forwarder().status().state == ForwardState::forwarding; }));
}

TEST_CASE("a Kafka that comes back when there is nothing to forward is no trouble any more") {
  Forwarding site;
  site.kafka.script([](const std::string& call) {
    return call == "take_over" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  REQUIRE(wait_until([&] { return site.forwarder().status().state == ForwardState::failing; }));
  site.kafka.script({});
  CHECK(wait_until([&] { return site.forwarder().status().state == ForwardState::forwarding; }));
  CHECK(site.forwarder().status().error.empty());
}

TEST_CASE("an alert of a region called forward is not told again after a start") {
  Forwarding site;
  const Sent alert{.topic = "alerts/w/Fire/forward/s1", .payload = R"({"id":"Fire","revision":1})"};
  site.box.store({alert});
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.box.store({alert});
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.kafka.committed().size() == 1);
}
